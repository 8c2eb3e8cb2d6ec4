"""What each recorded message of The Things Stack, the AWS buttons and AWS shadows must mean, by `<folder>/<file>`."""

from gateway.model.signals import FaultCode, Ignored, Presence, Press, Signal, Telemetry

_CLICKED, _CLICKED_TWICE = 1_525_476_393_747, 1_672_126_368_709  # 2018-05-04T23:26:33.747Z, 2022-12-27T07:32:48.709Z

EXPECTED_THINGS: dict[str, tuple[Signal, ...] | type[Exception]] = {
    "ttn_v3/01_join_accept.json": (
        Presence("ttn:app1@tenant1/dev1", "online", 1_581_925_749_737, heard_at=1_581_925_749_737),),
    "ttn_v3/04_downlink_failed.json": Ignored,  # somebody else's downlink
    "ttn_v3/06_join_accept.json": (Presence("ttn:app1@tenant1/dev1", "online"),),
    "ttn_v3/08_downlinks_push.json": Ignored,
    "ttn_v3/09_downlinks_push.json": Ignored,
    "ttn_v3/10_downlink_ack.json": Ignored,
    "aws_button/iot_1click_click.json": (
        Press("aws_button:lambda", "single", "2018-05-04T23:26:33.747Z", _CLICKED),
        Telemetry("aws_button:lambda", {"remainingLife": 5.0}, _CLICKED),
        FaultCode("aws_button:lambda", "battery_low", True, _CLICKED, "battery 5 %")),
    "aws_button/iot_1click_real_dump.json": (
        Press("aws_button:lambda", "double", "2022-12-27T07:32:48.709Z", _CLICKED_TWICE),
        Telemetry("aws_button:lambda", {"remainingLife": 99.933334}, _CLICKED_TWICE),
        FaultCode("aws_button:lambda", "battery_low", False, _CLICKED_TWICE, "battery 100 %")),
    "aws_button/iot_button_single.json": (
        Press("aws_button:G030JF059405K485"), Telemetry("aws_button:G030JF059405K485", {"batteryVoltage": 1.615})),
    "aws_shadow/delta_light.json": Ignored,  # what somebody wants of the light
    "aws_shadow/reported_light.json": (Telemetry("aws_shadow:<serial>", {"lightState": True}),),
}
