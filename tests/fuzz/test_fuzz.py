"""Every fuzz target, for some moments: `make fuzz` takes longer."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_input_is_a_fault(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    target.run(data.draw(target.inputs()))


@pytest.mark.parametrize("name", TARGETS)
def test_the_sound_inputs_that_others_are_made_from_are_read(name: str) -> None:
    for seed in (b"", *TARGETS[name].seeds):
        TARGETS[name].run(seed)


def test_every_target_is_listed() -> None:
    modules = {file.stem.removeprefix("fuzz_").replace("_", "-") for file in Path(__file__).parent.glob("fuzz_*.py")}
    assert modules == TARGETS.keys()
