"""docs/reference/requirements.md: what the county's notice asks for, and the tests that prove it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHOWN = 3

STAGES = {
    1: "the way from a source to a department",
    2: "channels",
    3: "warnings",
    4: "handling",
    5: "operation",
    6: "reports and screens",
}

# Number -> (what is asked for, the stage that builds it). The numbers are those of the requirements' list, article by article.
REQUIREMENTS: dict[str, tuple[str, int]] = {
    "R1": ("有诉、未诉分清，由有诉即办向未诉先办延伸", 2),
    "R2": ("六察一办：每件诉求属于一察", 2),
    "R3": ("先预警、先介入、先查缺、先补位逐件记录", 3),
    "R4": ("投诉增量同比、环比可查", 6),
    "R5": ("县、乡镇（街道）、村和县直单位名录是数据", 1),
    "R6": ("县、乡、村三级分级汇总", 6),
    "R7": ("周督查、日巡查、常态化巡检、窗口自查贯通", 2),
    "R8": ("巡查九个领域", 2),
    "R9": ("常态化督查计划与缺失记录", 3),
    "R10": ("应急突发问题先行交办", 4),
    "R11": ("咨询建议高频事项", 3),
    "R12": ("季节性高频事项预测（民情月历）", 3),
    "R13": ("可能引发投诉的事项清单", 3),
    "R14": ("清单一键转预警、交办", 4),
    "R15": ("定期汇总、分类交办", 5),
    "R16": ("满意率、解决率、督办办结率", 6),
    "R17": ("社会监督员登记与报告", 2),
    "R18": ("走流程与提建议两类报告", 2),
    "R19": ("服务环节逐项评价", 2),
    "R20": ("依法依规情况与办理效果", 2),
    "R21": ("焦点、难点、痛点", 2),
    "R22": ("集体分析会与意见建议", 6),
    "R23": ("一题带一类：专题并案整改", 4),
    "R24": ("内网运行，不连外网", 1),
    "R25": ("各渠道统一收集，第三方可加新渠道", 2),
    "R26": ("咨询、投诉、建议等类型按表对应", 2),
    "R27": ("同人多诉", 1),
    "R28": ("多人同诉", 3),
    "R29": ("反映强烈", 3),
    "R30": ("反复出现", 3),
    "R31": ("高频问题", 3),
    "R32": ("重点区域", 3),
    "R33": ("预警用时可量", 5),
    "R34": ("预警逾期升级督查", 4),
    "R35": ("源头化解与复发重开", 4),
    "R36": ("办件事前、事中、事后全过程监督", 2),
    "R37": ("监察规则设置", 3),
    "R38": ("运行监察", 3),
    "R39": ("好差评监察", 3),
    "R40": ("效能监察与效能管理两套评分", 3),
    "R41": ("统计分析", 6),
    "R42": ("监察日志", 3),
    "R43": ("预警、纠错、督办三段", 3),
    "R44": ("审批人员行为分析", 3),
    "R45": ("窗口服务规范自动预警", 3),
    "R46": ("预警密集与异常数据重点研判", 3),
    "R47": ("个别分析或类型化归集", 3),
    "R48": ("经研判属于未诉预期的才预警", 3),
    "R49": ("部门收到预警、签收、反馈", 4),
    "R50": ("各方监督力量的视察交办", 2),
    "R51": ("苗头性、倾向性问题的特征", 2),
    "R52": ("跟踪整改反馈", 2),
    "R53": ("群诉隐患提前化解", 3),
    "R54": ("五类诉求", 2),
    "R55": ("诉求领域分类", 3),
    "R56": ("常态化分析研判留痕", 5),
    "R57": ("研判四类特征", 3),
    "R58": ("预案先行", 3),
    "R59": ("分析报告", 6),
    "R60": ("全覆盖回访", 4),
    "R61": ("按诉求人类型的满意度", 6),
    "R62": ("面向诉求人的办理状态", 4),
    "R63": ("统一归集至处置办理股室", 4),
    "R64": ("线上与线下办理", 6),
    "R65": ("业务类与非业务类", 4),
    "R66": ("未诉诉求登记台账", 4),
    "R67": ("当场答复", 4),
    "R68": ("单一单位一个工作日反馈", 4),
    "R69": ("多单位协同", 4),
    "R70": ("非业务类问题反馈本人", 4),
    "R71": ("满意度进入考核", 4),
    "R72": ("处置一键办理", 4),
    "R73": ("同一事项不多头交办", 4),
    "R74": ("重大问题清单", 4),
    "R75": ("每个来源有责任人、频次与差错退回", 2),
    "R76": ("结果公开，异常到纠正的用时", 6),
    "R77": ("涉企视图与报告", 6),
    "R78": ("一事多察叠加预警", 3),
    "R79": ("流程改进记录与热线服务指标", 6),
}


@dataclass(frozen=True, slots=True)
class Proof:
    """A test that names a requirement."""

    requirement: str
    file: str
    test: str


@cache
def proofs() -> tuple[Proof, ...]:
    """Every ``@pytest.mark.requirement`` in the tests, by file and place."""
    files = sorted([*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("plugins/*/tests/test_*.py")])
    return tuple(proof for file in files for proof in _proofs_in(file))


def _proofs_in(file: Path) -> Iterator[Proof]:
    where = file.relative_to(ROOT).as_posix()
    tree = ast.parse(file.read_text("utf-8"))
    whole = [number for node in tree.body for number in _of_the_module(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for number in whole:
                yield Proof(number, where, node.name)
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            for decorator in node.decorator_list:
                for number in _numbers(decorator):
                    yield Proof(number, where, node.name)


def _of_the_module(node: ast.stmt) -> Iterator[str]:
    """What ``pytestmark`` names counts for every test of its file."""
    if isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
    ):
        yield from _numbers(node.value)


def _numbers(decorator: ast.expr) -> Iterator[str]:
    """The requirements that a decorator names, also those of single parameters."""
    for node in ast.walk(decorator):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "requirement"
        ):
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


def proven() -> dict[str, list[Proof]]:
    """For each requirement the tests that name it."""
    found: dict[str, list[Proof]] = {number: [] for number in REQUIREMENTS}
    for proof in proofs():
        if proof not in found.setdefault(proof.requirement, []):
            found[proof.requirement].append(proof)
    return found


def unproven(stages: set[int]) -> list[str]:
    """The requirements of these stages that no test names."""
    found = proven()
    return [number for number, (_, stage) in REQUIREMENTS.items() if stage in stages and not found[number]]


def requirements_reference() -> str:
    """The table."""
    rows = ["| | asked for | stage | tests |", "|---|---|---|---|"]
    for number, tests in proven().items():
        title, stage = REQUIREMENTS[number]
        shown = "<br>".join(_link(test) for test in tests[:SHOWN])
        more = f"<br>and {len(tests) - SHOWN} more" if len(tests) > SHOWN else ""
        rows.append(f"| {number} | {title} | {stage} {STAGES[stage]} | {shown or 'none yet'}{more} |")
    named = sum(bool(tests) for tests in proven().values())
    return "\n".join([*rows, "", f"{named} of {len(REQUIREMENTS)} are named by a test."]) + "\n"


def _link(proof: Proof) -> str:
    words = proof.test.removeprefix("test_").replace("_", " ")
    return f"[{words}](../../{proof.file})"
