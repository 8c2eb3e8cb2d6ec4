"""That what a gateway keeps of its devices is what stands in the database, wherever it would be taken for current."""

from dataclasses import fields

from sqlmodel import col, select

from gateway.detection.device_state import ClaimedDevice
from gateway.flow.gateway import Gateway
from gateway.model import DeviceState, LinkState
from gateway.store.devices import device_states

NAMES = [one.name for one in fields(ClaimedDevice)]


def assert_kept_states_are_current(gw: Gateway) -> None:
    """A kept state of the version that its row has is that row; any other is found out when it is written."""
    kept = {state.key: state for state in gw.states}
    with gw.store.read() as session:
        stored = device_states.load(session, kept, gw.scheduled, lock=False)
        rows = {key: one.version for key, one in stored.items()}
        gone = {one.device_id: one.version for key, one in kept.items() if key not in rows}
        now = dict(session.exec(select(DeviceState.device_id, DeviceState.version).where(
            col(DeviceState.device_id).in_(gone))).all()) if gone else {}
        assert not now.items() & gone.items(), "they are heard under another key, or retired"
    for key, state in kept.items():
        assert type(state.link) is LinkState
        if rows.get(key) == state.version:
            assert {name: getattr(state, name) for name in NAMES} == {
                name: getattr(stored[key], name) for name in NAMES}
