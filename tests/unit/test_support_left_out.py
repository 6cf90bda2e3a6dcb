"""The marker for Debian packages, tried on small runs of pytest inside pytest."""

import pytest

from tests.support import left_out

pytest_plugins = ["pytester"]

TWO_TESTS = """
    import pytest

    @pytest.mark.debian("no-such-mailer")
    def test_that_needs_the_mailer():
        pass

    def test_that_needs_nothing():
        pass
"""


@pytest.fixture
def small_run(pytester, monkeypatch):
    listed = pytester.path / "debian-packages.txt"
    listed.write_text("# package program\nno-such-mailer /nowhere/no-such-mailer\nsh-package /bin/sh\n")
    monkeypatch.setattr(left_out, "PACKAGES_FILE", listed)
    pytester.makeconftest(  # for the workers of pytest-xdist, which are processes of their own
        f"""
        from pathlib import Path
        from tests.support import left_out
        left_out.PACKAGES_FILE = Path({str(listed)!r})
        """
    )
    monkeypatch.delenv("HUB_TEST_ALLOW_LEFT_OUT", raising=False)
    # A plugin that others have installed may import, within the small run, what takes the metadata of packages from this process.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    def run(source, *args):
        pytester.makepyfile(source)
        return pytester.runpytest_inprocess("-p", "tests.support.left_out", "-p", "xdist", *args)

    return run


def test_a_test_whose_package_is_missing_is_left_out_and_counted(small_run):
    result = small_run(TWO_TESTS)
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.fnmatch_lines(["1 test left out for want of Debian packages: no-such-mailer (1)"])


def test_a_test_whose_package_is_missing_fails_where_none_may_be_left_out(small_run, monkeypatch):
    monkeypatch.setenv("HUB_TEST_ALLOW_LEFT_OUT", "0")
    result = small_run(TWO_TESTS)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*apt-get install no-such-mailer*"])


def test_a_test_whose_package_is_there_runs(small_run):
    result = small_run(TWO_TESTS.replace("no-such-mailer", "sh-package"))
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["0 tests left out for want of Debian packages"])


def test_a_package_that_is_not_listed_stops_the_run_with_its_name(small_run):
    result = small_run(TWO_TESTS.replace("no-such-mailer", "misspelt"))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*'misspelt'*not listed*no-such-mailer, sh-package*"])


def test_the_counts_of_workers_reach_the_summary(small_run):
    result = small_run(TWO_TESTS, "-n", "2")
    result.stdout.fnmatch_lines(["1 test left out for want of Debian packages: no-such-mailer (1)"])


def test_a_versioned_program_is_not_replaced_by_another_version_on_the_path(tmp_path, monkeypatch):
    listed = tmp_path / "packages.txt"
    listed.write_text("shell-15 /usr/lib/shell/15/bin/sh\nshell /usr/lib/shell/bin/sh\n")
    monkeypatch.setattr(left_out, "PACKAGES_FILE", listed)
    assert left_out.find_program("shell-15") is None
    assert left_out.find_program("shell") is not None
