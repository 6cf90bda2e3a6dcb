"""The space-time scan: planted clusters, chance, zones, and awkward maps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.detect.scan import ScanSettings, ScanState, dealt_weeks, scan
from hub.detect.zones import zones_by_neighbours, zones_by_parent, zones_by_place

GRID = {f"r{x}{y}": (float(x), float(y)) for x in range(5) for y in range(5)}
ZONES = zones_by_place(GRID, most=6, degrees=False)
PLANTED = {"r11", "r01", "r10", "r12", "r21"}  # one and what lies about it
FEW = ScanSettings(replicas=99)


def county(seed: int = 1, mean: float = 3.0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, (len(GRID), 40))


def planted() -> np.ndarray:
    counts = county()
    for region in PLANTED:
        counts[ZONES.regions.index(region), -3:] += 5
    return counts


def test_a_planted_cluster_is_found_with_its_regions_and_weeks():
    found = scan(planted(), ZONES, seed=1)
    assert found.state is ScanState.SCANNED
    best = found.clusters[0]
    assert set(best.regions) == PLANTED
    assert best.weeks == 3
    assert best.observed > 1.5 * best.expected
    assert best.p_value == 0.001


def test_observed_expected_and_ratio_are_those_of_the_formula():
    counts = np.array([[5, 5, 20], [5, 5, 5], [10, 10, 10]])
    zones = zones_by_parent({"a": None, "b": None, "c": None})
    best = scan(
        counts, zones, seed=1, settings=ScanSettings(replicas=999, longest_weeks=1, alpha=1.0)
    ).clusters[0]
    expected = 30 * 35 / 75
    assert (best.regions, best.observed, best.weeks) == (("a",), 20, 1)
    assert best.expected == pytest.approx(expected)
    ratio = 20 * np.log(20 / expected) + 55 * np.log(55 / (75 - expected))
    assert best.log_likelihood_ratio == pytest.approx(ratio)


def test_the_upper_limit_is_the_most_cases_that_would_not_have_been_told():
    counts = np.array([[5, 5, 20], [5, 5, 5], [10, 10, 10]])
    zones = zones_by_parent({"a": None, "b": None, "c": None})

    def best(alpha):
        asked = ScanSettings(longest_weeks=1, alpha=alpha)
        return scan(counts, zones, seed=1, settings=asked).clusters[0]

    # Everything above what its share gives is told: 14 is 30 * 35 / 75.
    assert best(1.0).upper == 14
    limits = [best(alpha).upper for alpha in (0.5, 0.1, 0.05)]
    assert 14 <= limits[0] <= limits[1] <= limits[2] < 20
    # As the p-value has it: of chance's maps so many have a window as good as one with that many cases, or one more.
    expected = 14.0

    def ratio(n):
        return n * np.log(n / expected) + (75 - n) * np.log((75 - n) / (75 - expected))

    maps = np.concatenate(
        list(dealt_weeks(counts.sum(axis=1), counts[:, -1:].sum(axis=0), seed=1, replicas=999))
    )
    cases = maps[:, :, 0]
    shares = counts.sum(axis=1) * 35 / 75
    scores = cases * np.log(cases / shares, where=cases > 0, out=np.zeros(cases.shape)) + (
        75 - cases
    ) * np.log((75 - cases) / (75 - shares))
    chance = np.where((cases > shares) & (cases >= 5), scores, 0.0).max(axis=1)

    def p_value(n):
        return (1 + (chance >= ratio(n) - 1e-9).sum()) / 1000

    for alpha, limit in zip((0.5, 0.1, 0.05), limits, strict=True):
        assert p_value(limit + 1) <= alpha < p_value(limit)


def test_the_same_seed_gives_the_same_answer_to_the_last_digit():
    assert scan(planted(), ZONES, seed=7, settings=FEW) == scan(planted(), ZONES, seed=7, settings=FEW)


def test_a_week_in_which_the_whole_county_has_more_is_no_cluster():
    counts = county()
    counts[:, -1] += 10
    assert scan(counts, ZONES, seed=1).clusters == ()


def test_on_quiet_maps_a_cluster_is_told_about_as_often_as_alpha_says():
    told = sum(bool(scan(county(seed), ZONES, seed=seed, settings=FEW).clusters) for seed in range(60))
    assert told <= 8


def test_two_places_far_apart_are_two_clusters():
    counts = county()
    counts[ZONES.regions.index("r00"), -2:] += 15
    counts[ZONES.regions.index("r44"), -4:] += 15
    found = scan(counts, ZONES, seed=1).clusters
    assert {cluster.regions for cluster in found} >= {("r00",), ("r44",)}
    assert len({region for cluster in found for region in cluster.regions}) == sum(
        len(c.regions) for c in found
    )


@pytest.mark.parametrize("bad", [np.nan, -1, np.inf, 1.5])
def test_a_region_with_what_is_no_count_is_left_out_by_name_and_the_rest_is_scanned(bad):
    counts = planted().astype(float)
    counts[ZONES.regions.index("r44"), 3] = bad
    found = scan(counts, ZONES, seed=1)
    assert found.left_out == ("r44",)
    assert set(found.clusters[0].regions) == PLANTED


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        (np.zeros((25, 40)), ScanState.TOO_FEW_CASES),
        (np.full((25, 40), np.nan), ScanState.TOO_FEW_CASES),
        (np.full((25, 40), 1e15), ScanState.TOO_MANY_CASES),
        (np.ones((25, 1)), ScanState.SHORT_HISTORY),
        (np.ones((25, 0)), ScanState.SHORT_HISTORY),
    ],
)
def test_a_map_that_cannot_be_scanned_says_why(counts, state):
    found = scan(counts, ZONES, seed=1, settings=FEW)
    assert found.state is state
    assert found.clusters == ()


def test_all_cases_of_one_week_or_one_region_are_no_cluster():
    one_week, one_region = np.zeros((25, 40)), np.zeros((25, 40))
    one_week[:, -1] = 3
    one_region[0] = 9
    assert scan(one_week, ZONES, seed=1, settings=FEW).clusters == ()
    assert scan(one_region, ZONES, seed=1, settings=FEW).clusters == ()


@pytest.mark.parametrize("asked", [{"replicas": 0}, {"least_cases": 0}, {"alpha": 0}, {"largest_share": 1.1}])
def test_settings_that_nothing_can_be_searched_with_are_refused(asked):
    with pytest.raises(ValueError, match="at least 1|give more than 0"):
        ScanSettings(**asked)


def test_what_holds_most_of_the_countys_cases_is_no_cluster():
    town = zones_by_parent({"a": "town", "b": "town", "c": None})
    counts = np.tile([[8], [8], [12]], 30)
    counts[:2, -2:] += 20
    assert ("a", "b") not in [
        cluster.regions for cluster in scan(counts, town, seed=1, settings=FEW).clusters
    ]
    whole = ScanSettings(replicas=99, largest_share=1.0)
    assert scan(counts, town, seed=1, settings=whole).clusters[0].regions == ("a", "b")


def test_dealing_keeps_every_weeks_cases_and_gives_no_region_more_than_it_has():
    counts = np.random.default_rng(4).poisson(3.0, (12, 6))
    of_region, of_week = counts.sum(axis=1), counts.sum(axis=0)
    (dealt,) = dealt_weeks(of_region, of_week, seed=1, replicas=50, at_once=50)
    np.testing.assert_array_equal(dealt.sum(axis=1), np.tile(of_week, (50, 1)))
    np.testing.assert_array_equal(dealt.sum(axis=2), np.tile(of_region, (50, 1)))
    assert len(np.unique(dealt.reshape(50, -1), axis=0)) == 50
    some = np.concatenate(list(dealt_weeks(of_region, of_week[:2], seed=1, replicas=50, at_once=7)))
    assert (some.sum(axis=2) <= of_region).all()


def test_counts_of_other_regions_are_refused():
    with pytest.raises(ValueError, match="a row for each"):
        scan(np.ones((3, 10)), ZONES, seed=1)


@settings(max_examples=15)
@given(st.integers(0, 1000), st.data())
def test_the_order_of_regions_changes_no_likelihood(seed, data):
    # No two distances alike: regions at the same distance are taken in the order given.
    random = np.random.default_rng(seed)
    places = {name: tuple(random.random(2)) for name in GRID}
    counts = county(seed)
    order = data.draw(st.permutations(range(len(GRID))))
    straight = zones_by_place(places, most=4)
    shuffled = zones_by_place(
        {straight.regions[place]: places[straight.regions[place]] for place in order}, most=4
    )
    assert named(straight) == named(shuffled)
    every = ScanSettings(replicas=1, alpha=1.0, most=1)
    ours = scan(counts, straight, seed=1, settings=every).clusters[0]
    theirs = scan(counts[order], shuffled, seed=1, settings=every).clusters[0]
    assert ours.log_likelihood_ratio == pytest.approx(theirs.log_likelihood_ratio)


def named(zones) -> set[frozenset[str]]:
    return {frozenset(np.array(zones.regions)[row].tolist()) for row in zones.members}


# Zones


def test_a_parents_children_are_one_zone_and_each_is_one_alone():
    zones = zones_by_parent({"a": "town", "b": "town", "c": "other", "d": None})
    assert named(zones) == {frozenset(s) for s in ("a", "b", "c", "d", "ab")}


def test_neighbours_are_taken_in_pairs_and_then_step_by_step_whichever_side_names_them():
    zones = zones_by_neighbours({"a": ["b"], "b": [], "c": ["b", "elsewhere"], "d": ["c"]})
    assert named(zones) == {
        frozenset(s) for s in ("a", "b", "c", "d", "ab", "bc", "cd", "abc", "bcd", "abcd")
    }


def test_a_zone_holds_no_more_regions_than_allowed():
    ring = {str(n): [str((n + 1) % 30)] for n in range(30)}
    assert zones_by_neighbours(ring, most=5).members.sum(axis=1).max() == 5
    assert ZONES.members.sum(axis=1).max() == 6


def test_a_degree_of_longitude_is_shorter_than_one_of_latitude():
    places = {"centre": (112.0, 60.0), "east": (112.8, 60.0), "north": (112.0, 60.5), "beyond": (112.0, 60.7)}
    assert frozenset(("centre", "east")) in named(zones_by_place(places, most=2))
    assert frozenset(("centre", "north")) in named(zones_by_place(places, most=2, degrees=False))
    assert frozenset(("centre", "north")) not in named(zones_by_place(places, most=2))


def test_a_region_without_a_place_is_refused_by_name():
    with pytest.raises(ValueError, match="'b'"):
        zones_by_place({"a": (1.0, 2.0), "b": (float("nan"), 2.0)})
