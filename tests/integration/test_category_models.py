"""A model of the county's own confirmed demands: trained, told apart by its digest, used, retired; never over a person's word."""

from __future__ import annotations

import random
import sys
from typing import Any

import pytest

from hub.clock import ManualClock
from hub.errors import Code, ConfigError, HubError, NotFound, StateConflict, StoreError
from hub.pipeline import category_models
from hub.seal import KeyRing
from hub.store.engine import Store
from tests.support.judging import COUNTY, County

SPOKEN = {
    "供水服务": "高峰没水 管子滴水 水泵轰鸣 加压房漏 水塔见底 放出泥沙".split(),
    "公路管理": "坑连着坑 车辙很深 路肩塌了 桥头跳车 柏油翻浆 弯道无镜".split(),
    "教育管理": "课桌太旧 操场裂缝 午休没床 班额过大 资料自愿买 门卫打盹".split(),
}
OPENINGS = ("反映一下", "请问", "你好", "急急急", "来信说明")
ENDINGS = ("盼答复", "什么时候好", "已经半年", "请派人看", "谢谢")


@pytest.fixture
def county(store: Store, ring: KeyRing, clock: ManualClock) -> County:
    return County(store, ring, clock)


def told(name: str, draw: random.Random) -> str:
    said = "，".join(draw.sample(SPOKEN[name], 2))
    return f"{draw.choice(OPENINGS)}，{said}，{draw.choice(ENDINGS)}{draw.randint(1, 99)}号"


def confirmed(county: County, number: int = 20, *names: str, seed: int = 1) -> None:
    """So many demands of each, whose category the words of the catalogue do not tell and a person does."""
    draw = random.Random(seed)
    chosen = {f"{name}{at}": name for name in names or SPOKEN for at in range(number)}
    county.judged(*(county.demand(text=told(name, draw), no=no) for no, name in chosen.items()))
    for no, name in chosen.items():
        demand_no = county.value("SELECT demand_no FROM demand WHERE source_no = :no", no=no)
        assert category_models.confirm(county.deps, demand_no, name, "张").new
    county.evaluate()


def decided(county: County, no: str) -> tuple[Any, ...]:
    (row,) = county.rows(
        "SELECT c.l2, c.decided_by, c.decided_version FROM demand_category c JOIN demand d USING (demand_id) WHERE source_no = :no",
        no=no,
    )
    return tuple(row)


def test_a_model_of_confirmed_demands_decides_once_somebody_says_so_and_the_words_again_when_it_is_retired(
    county: County,
) -> None:
    confirmed(county)
    county.judged(county.demand(text="加压房漏，水塔见底", no="new"), county.demand(text="停水", no="words"))
    assert decided(county, "new")[:2] == (None, "catalogue")
    done = category_models.train(county.deps, "ops")
    assert done.macro_f1 > 0.9
    assert set(done.rows.values()) == {20}
    assert not any(county.evaluate().counts.values())
    assert (
        category_models.use(county.deps, done.model_id, "ops") == 2
    )  # what people confirmed is not looked at
    county.evaluate()
    assert decided(county, "new") == ("供水服务", "model", f"model {done.model_id} {done.version[:12]}")
    assert decided(county, "供水服务0")[1] == "person"
    assert category_models.use(county.deps, done.model_id, "ops") is None
    assert category_models.retire(county.deps, done.model_id, "ops") == 2
    assert category_models.retire(county.deps, done.model_id, "ops") is None
    county.evaluate()
    assert decided(county, "new")[:2] == (None, "catalogue")
    assert decided(county, "words")[:2] == ("供水服务", "catalogue")
    with pytest.raises(StateConflict):
        category_models.use(county.deps, done.model_id, "ops")
    written = county.rows("SELECT action FROM audit_log WHERE action LIKE 'model.%' ORDER BY audit_id")
    assert [row[0] for row in written] == ["model.train", "model.use", "model.retire"]


def test_a_model_below_its_margin_leaves_the_demand_to_a_person(county: County) -> None:
    confirmed(county, 12)
    done = category_models.train(county.deps, "ops", margin=4.0)
    category_models.use(county.deps, done.model_id, "ops")
    county.judged(county.demand(text="加压房漏，水塔见底", no="new"))
    assert decided(county, "new")[:2] == (None, "model")
    assert (
        county.value(
            "SELECT suggested FROM demand_category JOIN demand USING (demand_id) WHERE source_no = 'new'"
        )
        == "0301"
    )


def test_training_again_on_the_same_demands_gives_the_same_model(county: County) -> None:
    confirmed(county, 12)
    first, second = (category_models.train(county.deps, "ops") for _ in range(2))
    assert (first.version, first.macro_f1) == (second.version, second.macro_f1)
    assert county.value("SELECT count(DISTINCT sha256) FROM category_model") == 1


def test_too_few_confirmed_demands_of_a_category_are_named_and_only_left_out_on_demand(
    county: County,
) -> None:
    with pytest.raises(ConfigError, match="none is confirmed"):
        category_models.train(county.deps, "ops")
    confirmed(county, 12, "供水服务", "公路管理")
    confirmed(county, 4, "教育管理")
    with pytest.raises(ConfigError, match=r"expected 10 .* 教育管理 4\).*--leave-out") as told_so:
        category_models.train(county.deps, "ops")
    assert told_so.value.code is Code.CONFIG_INVALID
    done = category_models.train(county.deps, "ops", leave_out=True)
    assert (set(done.rows), done.left_out) == ({"供水服务", "公路管理"}, {"教育管理": 4})


def test_the_same_text_confirmed_often_is_no_ten_demands(county: County) -> None:
    confirmed(county, 12, "供水服务", "公路管理")
    same = [county.demand(text="课桌太旧", no=f"same{at}") for at in range(12)]
    county.judged(*same)
    for one in same:
        number = county.value("SELECT demand_no FROM demand WHERE source_no = :no", no=one.source_no)
        category_models.confirm(county.deps, number, "教育管理", "张")
    with pytest.raises(ConfigError, match="教育管理 1"):
        category_models.train(county.deps, "ops")


def test_a_model_whose_bytes_were_changed_is_not_used(county: County) -> None:
    confirmed(county, 12)
    done = category_models.train(county.deps, "ops")
    with county.store.begin() as connection:
        connection.exec_driver_sql("UPDATE category_model SET kept = kept || ' '::bytea")
    with pytest.raises(StoreError, match="digest"):
        category_models.use(county.deps, done.model_id, "ops")
    with pytest.raises(NotFound):
        category_models.use(county.deps, 999, "ops")


def test_what_a_model_learnt_and_the_catalogue_lost_is_left_to_a_person(county: County) -> None:
    confirmed(county, 12)
    done = category_models.train(county.deps, "ops")
    category_models.use(county.deps, done.model_id, "ops")
    county.configure({**COUNTY, "categories": {"without": ["0301"]}})
    county.judged(county.demand(text="加压房漏，水塔见底", no="new"))
    assert decided(county, "new")[:2] == (None, "model")
    with pytest.raises(ConfigError, match="hub category list"):
        category_models.confirm(
            county.deps,
            county.value("SELECT demand_no FROM demand WHERE source_no = 'new'"),
            "供水服务",
            "张",
        )


def test_a_model_decides_where_scikit_learn_is_not_installed(county: County, monkeypatch: Any) -> None:
    confirmed(county, 12)
    done = category_models.train(county.deps, "ops")
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    monkeypatch.setitem(sys.modules, "sklearn.model_selection", None)
    category_models.use(county.deps, done.model_id, "ops")
    county.judged(county.demand(text="加压房漏，水塔见底", no="new"))
    assert decided(county, "new")[0] == "供水服务"
    with pytest.raises(HubError, match="train"):
        category_models.train(county.deps, "ops")
