"""What each recorded message of Shelly Gen1, ESPHome, EMS-ESP and Flic must mean, by `<folder>/<file>`."""

from gateway.model.signals import Announced, FaultCode, Ignored, Presence, Press, Signal, Telemetry

_DIMMER = "shelly_gen1:shellydimmer2-E09806966EFB"
_BOILER = "ems_esp:boiler"

EXPECTED_HOMES: dict[str, tuple[Signal, ...] | type[Exception]] = {
    "shelly_gen1/announce_shared.json": (
        Announced(_DIMMER, f"shellies/announce {_DIMMER}", "shellydimmer2-E09806966EFB", "SHDM-2"),),
    # nobody has pressed since it started: only where its counting stands
    "shelly_gen1/dimmer2_input_event_idle.json": (Press(_DIMMER, "", change=("input_1", 0)),),
    "shelly_gen1/dimmer2_loaderror.json": (
        Telemetry(_DIMMER, {"loaderror": False}), FaultCode(_DIMMER, "loaderror", False)),
    "shelly_gen1/dimmer2_temperature_f.json": (Telemetry(_DIMMER, {"temperature_f": 111.83}),),
    "esphome/birth_status.txt": (Presence("esphome:<TOPIC_PREFIX>", "online"),),
    "esphome/will_status.txt": (Presence("esphome:<TOPIC_PREFIX>", "lost"),),
    "ems_esp/boiler_data.json": (
        Telemetry(_BOILER, {
            "heatingoff": False, "heatingactive": False, "tapwateractive": True, "selflowtemp": 0.0,
            "curflowtemp": 60.2, "rettemp": 48.1, "syspress": 1.4, "burngas": True, "burngas2": False,
            "flamecurr": 37.4, "fanwork": True, "ignwork": False, "oilpreheat": False, "heatingpump": True,
            "selburnpow": 115.0, "curburnpow": 61.0, "ubauptime": 3940268.0, "servicecode": "=H",
            "servicecodenumber": 201.0, "nompower": 0.0, "nrgtotal": 0.0, "nrgheat": 0.0,
            "dhw_seltemp": 52.0, "dhw_comfort": "hot", "dhw_flowtempoffset": 40.0, "dhw_chargeoptimization": False,
            "dhw_circpump": False, "dhw_chargetype": "3-way valve", "dhw_hyston": -5.0,
            "dhw_disinfectiontemp": 70.0, "dhw_circmode": False, "dhw_circ": False, "dhw_storagetemp1": 53.8,
            "dhw_activated": True, "dhw_3wayvalve": True, "dhw_chargepump": False, "dhw_nrg": 0.0}),
        FaultCode(_BOILER, "servicecode", False, None, "=H 201")),  # hot water: no fault
    # the log of what once was, one of them with a date that never was: nothing runs, nothing ends
    "ems_esp/lastcode_1C210.txt": (Telemetry(_BOILER, {"lastcode": "1C(210) 06.06.2020 12:07 (0 min)"}),),
    "ems_esp/lastcode_2E207.txt": (Telemetry(_BOILER, {"lastcode": "2E(207) 100.75.2000 65:00 (0 min)"}),),
    "ems_esp/status_online.txt": (Presence("ems_esp:bridge", "online", bridge=True),),
    "ems_esp/thermostat_data.json": (Telemetry("ems_esp:thermostat", {
        "hc1_seltemp": 20.5, "hc1_currtemp": 22.8, "hc1_haclimate": "roomTemp", "hc1_modetype": "heat",
        "hc2_seltemp": 20.6, "hc2_currtemp": 22.9, "hc2_haclimate": "roomTemp", "hc2_modetype": "eco",
        "hc3_seltemp": 20.7, "hc3_currtemp": 23.0, "hc3_haclimate": "roomTemp", "hc3_modetype": "nofrost"}),),
    "flic/action_click.txt": (Press("flic:<serial>", "single"),),
    "flic/action_double.txt": (Press("flic:<serial>", "double"),),
    "flic/action_hold.txt": (Press("flic:<serial>", "long"),),
    "flic/action_ok_reset.txt": Ignored,
    "flic/state_pressed.txt": (Telemetry("flic:<serial>", {"pressed": True}),),
    "flic/state_released.txt": (Telemetry("flic:<serial>", {"pressed": False}),),
}
