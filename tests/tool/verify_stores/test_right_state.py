"""A right new state is found right, by every check, and every check looked at something."""

from tvmigrate.verify.findings import State

from .conftest import World


def test_a_right_state_passes_every_check_and_each_examined_something(world: World) -> None:
    results = world.judge()
    assert {name: result.error for name, result in results.items() if result.error} == {}
    assert {name: result.findings[:3] for name, result in results.items() if result.findings} == {}
    assert {name for name, result in results.items() if result.state is not State.PASS} == set()
    assert {name for name, result in results.items() if result.examined == 0} == set()
