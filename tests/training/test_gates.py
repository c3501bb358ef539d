"""A gate tests the ends of an interval: chance neither opens nor shuts it."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.errors import GateFailed
from tests.training.releases import block
from training.gates import Answer, Gate, Measure, Verdict, judge_gates, read_measures
from training.settings import packaged_policy

POLICY = packaged_policy("gates").on(date(2026, 11, 22))


def judged(**changes: tuple[float, float | None, float | None] | None) -> dict[str, Gate]:
    measures = read_measures(block({name.replace("__", "."): found for name, found in changes.items()}), "the test")
    return {gate.name: gate for gate in judge_gates(measures, None, POLICY)}


def test_a_sound_dossier_is_green_throughout() -> None:
    gates = judged()
    assert {gate.verdict for gate in gates.values()} == {Verdict.GREEN}
    assert len(gates) == 10


@pytest.mark.parametrize(
    ("gate", "measure", "found", "verdict"),
    [
        ("auc", "auc", (0.72, 0.66, 0.78), Verdict.GREEN),
        ("auc", "auc", (0.72, 0.64, 0.80), Verdict.AMBER),
        ("auc", "auc", (0.60, 0.56, 0.649), Verdict.RED),
        # the aim is 0.9 to 1.1, tolerated 0.7 to 1.3
        ("slope", "slope", (0.85, 0.75, 0.95), Verdict.GREEN),
        ("slope", "slope", (0.85, 0.65, 1.05), Verdict.AMBER),
        ("slope", "slope", (1.0, 0.2, 1.8), Verdict.AMBER),
        ("slope", "slope", (0.85, 0.82, 0.88), Verdict.RED),
        ("slope", "slope", (1.2, 1.12, 1.28), Verdict.RED),
        ("ece", "ece", (0.02, 0.01, 0.03), Verdict.GREEN),
        ("ece", "ece", (0.02, 0.01, 0.031), Verdict.AMBER),
        ("ece", "ece", (0.05, 0.04, 0.06), Verdict.RED),
        ("grades", "grades__red", (1, None, None), Verdict.RED),
        ("hosmer_lemeshow", "calibration__hl_p", (0.001, None, None), Verdict.AMBER),
        ("psi_score", "psi__score", (0.9, 0.8, 1.0), Verdict.AMBER),
        ("psi_feature", "psi__feature_max", (9.0, 8.0, 10.0), Verdict.AMBER),
        ("reasons", "reasons__first_family_survival", (0.5, 0.45, 0.55), Verdict.RED),
        ("fairness", "fairness__min_ratio", (0.5, 0.4, 0.6), Verdict.AMBER),
        ("auc", "auc", None, Verdict.NOT_MEASURED),
        ("psi_score", "psi__score", None, Verdict.NOT_MEASURED),
        ("auc", "auc", (0.9, None, None), Verdict.NOT_MEASURED),
    ],
)
def test_verdict(gate: str, measure: str, found: tuple[float, float | None, float | None] | None, verdict: Verdict) -> None:
    gates = judged(**{measure: found})
    assert gates[gate].verdict is verdict, gates[gate].en
    asked = {Verdict.GREEN: Answer.NONE, Verdict.AMBER: Answer.EXPLANATION}.get(verdict, Answer.OVERRIDE)
    assert gates[gate].answer is asked
    assert all(other.verdict is Verdict.GREEN for name, other in gates.items() if name != gate)


@pytest.mark.parametrize("found", [None, (1, None, None), (0.5, None, None)])
def test_without_the_proof_nothing_can_be_written(found: tuple[float, None, None] | None) -> None:
    gate = judged(monotone__violations=found)["monotone"]
    assert (gate.verdict, gate.answer) == (Verdict.RED, Answer.ANOTHER_MODEL)
    assert "cannot be overridden" in gate.en
    assert "不可豁免" in gate.zh


def test_a_measure_of_few_rows_is_not_measured_however_sure_it_looks() -> None:
    measures = read_measures(block({"auc": (1.0, 1.0, 1.0)}, n=150), "the test")
    gates = {gate.name: gate for gate in judge_gates(measures, None, POLICY)}
    assert gates["auc"].verdict is Verdict.NOT_MEASURED
    assert "150 rows and needs 200" in gates["auc"].en


@pytest.mark.parametrize(
    ("found", "verdict"), [((0.0, -0.009, 0.01), "green"), ((0.0, -0.02, 0.02), "amber"), ((-0.03, -0.05, -0.011), "red")]
)
def test_a_challenger_must_be_shown_to_lose_no_more_than_the_margin(found: tuple[float, float, float], verdict: str) -> None:
    sound = read_measures(block(), "the test")
    differences = {"auc": Measure(*found, n=4000), "log_loss": Measure(0.0, -0.001, 0.001, 4000)}
    gates = {gate.name: gate.verdict.value for gate in judge_gates(sound, differences, POLICY)}
    assert (gates["champion_auc"], gates["champion_log_loss"]) == (verdict, "green")
    unmeasured = {gate.name: gate.verdict.value for gate in judge_gates(sound, {}, POLICY)}
    assert unmeasured["champion_auc"] == unmeasured["champion_log_loss"] == "not measured"


@given(value=st.floats(0.5, 1.0), half=st.floats(0.0, 0.4), narrower=st.floats(0.0, 1.0))
def test_more_rows_around_the_same_value_never_turn_sound_to_undecided(value: float, half: float, narrower: float) -> None:
    """Green stays green and red stays red as the interval shrinks around its value."""
    wide = judged(auc=(value, value - half, value + half))["auc"].verdict
    narrow = judged(auc=(value, value - half * narrower, value + half * narrower))["auc"].verdict
    assert wide is Verdict.AMBER or narrow is wide


def test_chance_shuts_the_slope_gate_on_a_calibrated_model_about_as_rarely_as_its_interval_says() -> None:
    generator = np.random.default_rng(20261122)
    reds = {0.02: 0, 0.05: 0, 0.2: 0}
    for error in reds:
        for slope in generator.normal(1.0, error, 400).tolist():
            verdict = judged(slope=(slope, slope - 1.96 * error, slope + 1.96 * error))["slope"].verdict
            reds[error] += verdict is Verdict.RED
            assert error < 0.2 or verdict is not Verdict.GREEN
    assert all(count <= 0.025 * 400 for count in reds.values()), reds


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"value": 0.8, "low": 0.9, "high": 1.0, "n": 900}, "hold its value"),
        ({"value": 0.8, "low": 0.7, "n": 900}, "hold its value"),
        ({"value": float("nan"), "n": 900}, "finite"),
        ({"value": "0.8", "n": 900}, "finite"),
        ({"value": True, "n": 900}, "finite"),
        ({"low": 0.8}, "must say value"),
        (0.8, "must say value"),
    ],
)
def test_a_dossier_that_contradicts_itself_is_refused(entry: object, said: str) -> None:
    with pytest.raises(GateFailed, match=said):
        read_measures({"auc": entry}, "the dossier")
    with pytest.raises(GateFailed, match="block of measures"):
        read_measures([], "the dossier")


def test_a_measure_without_a_value_counts_as_not_measured() -> None:
    assert read_measures({"auc": {"value": None, "low": None, "high": None, "n": 0}}, "the dossier") == {}
