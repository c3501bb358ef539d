import json
import os
import random
import shutil
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from credit.errors import BundleInvalid, BundleTampered, LianxinError, OutOfRange
from tests.training import drawn
from training.bundle import ScoringBundle
from training.monotone import prove
from training.seal import CONTENT, MANIFEST, OPTIONAL, SIGNATURE, content_hash, public_key_hex, seal

KEY = Ed25519PrivateKey.generate()
TRUSTED = public_key_hex(KEY.public_key())
BUNDLE = drawn.bundle()


@pytest.fixture
def released(tmp_path: Path) -> Path:
    BUNDLE.save(tmp_path / "bundle", release={"version": "3", "approved_by": "Li"}, key=KEY)
    return tmp_path / "bundle"


rows = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 7), st.just(drawn.FEATURES)),
    elements=st.floats(-1e6, 1e6) | st.just(float("nan")),
)


@settings(deadline=None)
@given(values=rows)
def test_base_plus_contributions_is_the_score_to_the_last_bit(values: np.ndarray) -> None:
    scores = BUNDLE.score(values)
    for points, contributions in zip(scores.points.tolist(), scores.contributions.tolist(), strict=True):
        total = scores.base_points
        for contribution in contributions:
            total += contribution
        assert total == points


@settings(deadline=None)
@given(values=rows)
def test_one_by_one_is_the_batch_bitwise(values: np.ndarray) -> None:
    batch = BUNDLE.score(values)
    for index in range(len(values)):
        one = BUNDLE.score(values[index : index + 1])
        assert one.points.tobytes() == batch.points[index : index + 1].tobytes()
        assert one.pd.tobytes() == batch.pd[index : index + 1].tobytes()
        assert one.contributions.tobytes() == batch.contributions[index : index + 1].tobytes()


def test_a_large_batch_is_its_rows_bitwise() -> None:
    values = drawn.rows(3000, seed=5)[0]
    batch = BUNDLE.score(values)
    pieces = [BUNDLE.score(values[start : start + 7]) for start in range(0, 3000, 7)]
    assert np.concatenate([piece.points for piece in pieces]).tobytes() == batch.points.tobytes()
    assert np.concatenate([piece.pd for piece in pieces]).tobytes() == batch.pd.tobytes()


def test_points_and_pd_are_one_number_on_the_scale_and_equal_the_boosters_margin() -> None:
    import lightgbm as lgb

    values = drawn.rows(500, seed=2)[0]
    scores = BUNDLE.score(values)
    margin = np.asarray(lgb.Booster(model_str=drawn.model_text()).predict(values, raw_score=True))
    calibrated = BUNDLE.calibration.intercept + BUNDLE.calibration.slope * margin
    np.testing.assert_allclose(scores.pd, 1 / (1 + np.exp(-calibrated)), rtol=1e-10)
    np.testing.assert_allclose([BUNDLE.scale.points(pd) for pd in scores.pd], scores.points, atol=1e-9)


def test_contributions_equal_those_of_shap() -> None:
    import lightgbm as lgb
    import shap

    values = drawn.rows(200, seed=3)[0]
    explained = shap.TreeExplainer(lgb.Booster(model_str=drawn.model_text())).shap_values(values)
    per_margin = -BUNDLE.scale.factor * BUNDLE.calibration.slope
    np.testing.assert_allclose(BUNDLE.score(values).contributions, per_margin * np.asarray(explained), rtol=0, atol=1e-10)


def test_a_worse_value_never_raises_the_score() -> None:
    values = drawn.rows(300, seed=4)[0]
    for column, direction in enumerate(drawn.DIRECTIONS):
        if direction:
            worse = values.copy()
            worse[:, column] += 0.7 * direction
            assert (BUNDLE.score(worse).points <= BUNDLE.score(values).points + 1e-9).all()


def test_save_and_load_score_the_same(released: Path) -> None:
    loaded = ScoringBundle.load(released, trusted_key=TRUSTED)
    values = drawn.rows(100, seed=6)[0]
    assert loaded.score(values).points.tobytes() == BUNDLE.score(values).points.tobytes()
    assert loaded.names == drawn.NAMES
    assert loaded.content_hash == BUNDLE.content_hash
    assert loaded.signed_by == TRUSTED
    assert (loaded.version, BUNDLE.version) == ("3", BUNDLE.content_hash[:12])
    assert loaded.reference == BUNDLE.reference


def test_the_hash_does_not_change_with_release_signature_or_threads(tmp_path: Path) -> None:
    plain = BUNDLE.save(tmp_path / "plain")
    signed = BUNDLE.save(tmp_path / "signed", release={"released_at": "2026-11-22T00:00:00"}, key=KEY)
    assert plain == signed == BUNDLE.content_hash


def test_a_score_names_values_and_reasons(released: Path) -> None:
    row = np.array([2.0, -1.5, np.nan, 1.0, 0.5, 0.0])
    score = BUNDLE.score_of("S1", date(2026, 1, 1), row)
    assert score.added_up == score.points
    assert score.contributions[2].value is None
    reasons = BUNDLE.reasons(score)
    assert 0 < len(reasons) <= 4
    assert reasons[0].points == max(reason.points for reason in reasons)


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_infinities_are_refused(bad: float) -> None:
    values = drawn.rows(3)[0]
    values[1, 2] = bad
    with pytest.raises(OutOfRange, match="row 1, column 2"):
        BUNDLE.score(values)


@pytest.mark.parametrize("shape", [(2, 5), (2, 7), (6,)])
def test_another_width_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(OutOfRange, match="shape"):
        BUNDLE.score(np.zeros(shape))


def test_no_rows_give_no_scores() -> None:
    assert BUNDLE.score(np.empty((0, drawn.FEATURES))).points.shape == (0,)


def test_an_unsigned_or_strangers_bundle_is_refused_where_a_key_is_trusted(tmp_path: Path) -> None:
    BUNDLE.save(tmp_path / "unsigned")
    BUNDLE.save(tmp_path / "strangers", key=Ed25519PrivateKey.generate())
    for name, says in (("unsigned", "no signature"), ("strangers", "was signed by")):
        with pytest.raises(BundleTampered, match=says):
            ScoringBundle.load(tmp_path / name, trusted_key=TRUSTED)


def _link(folder: Path) -> None:
    (folder / "model.txt").rename(folder.parent / "elsewhere.txt")
    (folder / "model.txt").symlink_to(folder.parent / "elsewhere.txt")


def _pipe(folder: Path) -> None:
    (folder / "model.txt").unlink()
    os.mkfifo(folder / "model.txt")


def _escape(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["content"]["../elsewhere.txt"] = manifest["content"].pop("model.txt")
    (folder / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "tamper",
    [
        _link,
        _pipe,
        _escape,
        lambda folder: (folder / "extra.py").write_text("print()"),
        lambda folder: (folder / "monotone.json").unlink(),
        lambda folder: (folder / "more").mkdir(),
        lambda folder: (folder / SIGNATURE).write_text("0" * 64),
        lambda folder: (folder / SIGNATURE).unlink(),
        lambda folder: shutil.copy(folder / "scale.json", folder / "grades.json"),
    ],
)
def test_a_folder_that_is_not_what_was_released_is_refused(released: Path, tamper: Callable[[Path], object]) -> None:
    tamper(released)
    with pytest.raises(BundleTampered):
        ScoringBundle.load(released, trusted_key=TRUSTED)


@pytest.mark.parametrize("name", [*CONTENT, MANIFEST])
def test_a_missing_part_is_refused(released: Path, name: str) -> None:
    (released / name).unlink()
    with pytest.raises(BundleInvalid, match=name):
        ScoringBundle.load(released, trusted_key=TRUSTED)


def test_a_file_above_the_size_limit_is_refused(released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.seal.LARGEST", 1000)
    with pytest.raises(BundleTampered, match="must not exceed 1000 bytes"):
        ScoringBundle.load(released, trusted_key=TRUSTED)


def test_every_flipped_byte_and_truncation_is_refused_before_parsing(released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.bundle.first_parse", lambda *_: pytest.fail("parsed before verified"))
    generator = random.Random(20261121)
    for name in [*CONTENT, *OPTIONAL, MANIFEST, SIGNATURE] * 30:
        original = (released / name).read_bytes()
        position = generator.randrange(len(original))
        flipped = original[:position] + bytes([original[position] ^ generator.randint(1, 255)]) + original[position + 1 :]
        for damaged in (flipped, original[:position]):
            (released / name).write_bytes(damaged)
            with pytest.raises(BundleTampered):
                ScoringBundle.load(released, trusted_key=TRUSTED)
        (released / name).write_bytes(original)


@pytest.mark.parametrize("share", [0.2, 0.55, 0.9])
def test_a_damaged_model_that_is_signed_kills_the_child_and_not_the_service(tmp_path: Path, share: float) -> None:
    text = BUNDLE.content["model.txt"]
    content = {**BUNDLE.content, "model.txt": text[: int(len(text) * share)]}
    seal(tmp_path / "bundle", content, {}, KEY)
    with pytest.raises(BundleInvalid):
        ScoringBundle.load(tmp_path / "bundle", trusted_key=TRUSTED)


def test_golden_rows_that_differ_in_one_bit_are_refused(tmp_path: Path) -> None:
    golden = json.loads(BUNDLE.content["golden.json"])
    golden["points"][3] = float(np.nextafter(float.fromhex(golden["points"][3]), np.inf)).hex()
    seal(tmp_path / "bundle", {**BUNDLE.content, "golden.json": json.dumps(golden).encode()}, {}, KEY)
    with pytest.raises(BundleInvalid, match="golden row 3"):
        ScoringBundle.load(tmp_path / "bundle", trusted_key=TRUSTED)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("calibration.json", '{"slope": -1.0, "intercept": 0.0}'),
        ("calibration.json", '{"slope": NaN, "intercept": 0.0}'),
        ("calibration.json", '{"slope": 1.0, "slope": 1.0, "intercept": 0.0}'),
        ("scale.json", '{"points": 3}'),
        ("grades.json", "[]"),
        ("grades.json", "[" * 100_000),
        ("catalog.json", "[]"),
        ("reference.json", "{}"),
        ("model.json", "not json"),
        ("monotone.json", "{}"),
        ("golden.json", '{"rows": [], "points": [], "pd": []}'),
    ],
)
def test_a_signed_part_of_another_form_is_refused_with_a_clear_message(tmp_path: Path, name: str, text: str) -> None:
    seal(tmp_path / "bundle", {**BUNDLE.content, name: text.encode()}, {}, KEY)
    with pytest.raises(BundleInvalid):
        ScoringBundle.load(tmp_path / "bundle", trusted_key=TRUSTED)


def test_the_bundle_carries_the_proof_of_its_own_trees(released: Path) -> None:
    loaded = ScoringBundle.load(released, trusted_key=TRUSTED)
    assert loaded.monotone == BUNDLE.monotone == prove(drawn.model_text(), drawn.NAMES, drawn.DIRECTIONS)
    assert loaded.monotone is not None
    assert (loaded.monotone.verdict, len(loaded.monotone.features)) == ("monotone", 5)


def test_trees_that_break_a_direction_make_no_bundle() -> None:
    catalog = drawn.catalog()
    catalog[5]["direction"] = 1
    with pytest.raises(BundleInvalid, match=r"monotone\.json says violated.*orders_count_30d rises from leaf"):
        drawn.bundle(catalog=catalog)


@pytest.mark.parametrize(
    ("part", "value", "says"),
    [
        ("verdict", "violated", "says violated"),
        ("verdict", "undecided", "says undecided"),
        ("model_sha256", "0" * 64, r"must be of this model\.txt"),
        ("features", [], "every promised direction"),
    ],
)
def test_a_signed_certificate_that_does_not_fit_is_refused(tmp_path: Path, part: str, value: object, says: str) -> None:
    certificate = {**json.loads(BUNDLE.content["monotone.json"]), part: value}
    seal(tmp_path / "bundle", {**BUNDLE.content, "monotone.json": json.dumps(certificate).encode()}, {}, KEY)
    with pytest.raises(BundleInvalid, match=says):
        ScoringBundle.load(tmp_path / "bundle", trusted_key=TRUSTED)


def test_a_bundle_from_before_there_were_certificates_loads_without_one(tmp_path: Path) -> None:
    older = {name: BUNDLE.content[name] for name in CONTENT}
    seal(tmp_path / "bundle", older, {}, KEY)
    loaded = ScoringBundle.load(tmp_path / "bundle", trusted_key=TRUSTED)
    assert loaded.monotone is None
    assert loaded.content_hash == content_hash(older) != BUNDLE.content_hash


def test_a_bundle_is_never_overwritten(released: Path) -> None:
    with pytest.raises(BundleInvalid, match="never overwritten"):
        BUNDLE.save(released)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LianxinError, match="can be read"):
        ScoringBundle.load(tmp_path / "nothing")


def test_the_percentile_says_whom_a_supplier_leaves_behind() -> None:
    points = BUNDLE.reference.points
    assert BUNDLE.reference.percentile(points[0] - 1) == 0.0
    assert BUNDLE.reference.percentile(points[-1] + 1) == 1.0
    assert abs(BUNDLE.reference.percentile(points[50]) - 0.5) < 0.02


def test_the_door_into_training_needs_no_training_library() -> None:
    import subprocess

    program = (
        "import sys\n"
        "for name in ('mlflow', 'shap', 'pandas', 'pyarrow', 'matplotlib', 'sklearn'): sys.modules[name] = None\n"
        "import pathlib, numpy\n"
        "from training.bundle import ScoringBundle\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
