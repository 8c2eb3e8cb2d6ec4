"""What each recorded message of Homie, Victron and ThingsBoard must mean, by `<folder>/<file>`."""

from gateway.model.signals import Ignored, Presence, Signal, Telemetry, Undecodable

_CAR, _PORTAL = "homie:super-car", "victron:<portal ID>"

EXPECTED_PLANTS: dict[str, tuple[Signal, ...] | type[Exception]] = {
    "homie/arrow_01_5_super_car_engine_temperature.json": (Telemetry(_CAR, {"engine_temperature": 21.5}),),
    "homie/arrow_02_5_super_car_engine_temperature.json": (Telemetry(_CAR, {"engine_temperature": 21.5}),),
    "homie/arrow_03_ie_5_kitchen_light_light_power.json": (
        Telemetry("homie:kitchen-light", {"light_power": True}),),
    "homie/arrow_05_homie_5_my_device_log_error.txt": Ignored,  # a log is text for people
    "homie/device_removed.txt": (Presence(_CAR, "removed"),),
    "homie/state_disconnected.txt": (Presence(_CAR, "stopped", bridge=True),),
    "homie/state_init.txt": (Presence(_CAR, "online", bridge=True),),
    "homie/state_ready.txt": (Presence(_CAR, "online", bridge=True),),
    "homie/state_sleeping.txt": (Presence(_CAR, "sleeping", bridge=True),),
    "homie/temperature.json": (Telemetry(_CAR, {"engine_temperature": 21.5}),),
    "victron/dc_current.json": (Telemetry(f"{_PORTAL}/solarcharger/279", {"Dc_0_Current": 0.0}),),
    "victron/device_gone_empty.txt": (Presence(f"{_PORTAL}/pvinverter/20", "sleeping"),),  # as on every evening
    "victron/full_publish_completed.json": (Presence(_PORTAL, "online"),),
    "victron/keepalive_suppress.json": Undecodable,  # our own word to the portal: nobody subscribes to it
    "victron/setting_with_minmax.json": Ignored,
    "victron/value_null.json": Ignored,  # not zero, and no sign that the inverter is there
    "thingsboard/attributes.json": Undecodable,  # the login alone names the device
    "thingsboard/gateway_disconnect.json": (Presence("thingsboard:Device A", "stopped"),),
}
