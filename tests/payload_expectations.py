"""What each recorded device message of ../shared/payloads must mean, by `<folder>/<file>`, and how to read them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from gateway.model.signals import FaultCode, FaultList, Ignored, Presence, Press, Signal, Telemetry
from tests.payloads_homes import EXPECTED_HOMES
from tests.payloads_plants import EXPECTED_PLANTS
from tests.payloads_things import EXPECTED_THINGS

PAYLOADS = Path(__file__).resolve().parents[2] / "shared" / "payloads"
FOLDERS = (
    "tasmota", "shelly_gen1", "shelly_gen2", "zigbee2mqtt", "esphome", "ems_esp", "flic", "homie", "victron",
    "thingsboard", "ttn_v3", "aws_button", "aws_shadow",
)
AS_A_RULE_PASSES_THEM_ON = "iotbutton/lambda"  # these were never on a broker: they are what a Lambda function is given
ABSENT = "../shared/payloads is not here: the recorded device messages were not tried"


class Recorded(NamedTuple):
    """One message as it went over the air."""

    name: str
    topic: str
    payload: bytes
    retained: bool


def recorded() -> list[Recorded]:
    """Every recorded message of the dialects we read; empty when the folder is not there."""
    messages = []
    for topic_file in sorted(path for folder in FOLDERS for path in (PAYLOADS / folder).glob("*.topic")):
        payload_file = next(path for path in topic_file.parent.glob(f"{topic_file.stem}.*") if path != topic_file)
        where, payload = topic_file.read_text().strip("\n"), payload_file.read_bytes()
        topic, _, key = where.removesuffix(" [retained]").partition("  key ")  # one value out of a JSON message
        if key:
            payload = json.dumps({key: payload.decode()}).encode()
        if topic.startswith("(Lambda event"):
            topic = AS_A_RULE_PASSES_THEM_ON
        messages.append(Recorded(f"{payload_file.parent.name}/{payload_file.name}", topic, payload,
                                 where.endswith(" [retained]")))
    return messages


def agrees(got: Sequence[Signal], expected: Sequence[Signal]) -> bool:
    """Equal, also in the types of the values; an expected `seq` of 0 leaves open which checksum was taken."""
    return len(got) == len(expected) and all(map(_same, got, expected))


def _same(got: Signal, expected: Signal) -> bool:
    if isinstance(got, Telemetry) and isinstance(expected, Telemetry):
        got = got._replace(seq=got.seq if expected.seq else 0)
        kinds = [{name: type(value) for name, value in signal.values.items()} for signal in (got, expected)]
        return got == expected and kinds[0] == kinds[1]
    return type(got) is type(expected) and got == expected


FULL_STATUS_AT = 1_736_604_018_380

EXPECTED: dict[str, tuple[Signal, ...] | type[Exception]] = EXPECTED_HOMES | EXPECTED_PLANTS | EXPECTED_THINGS | {
    "tasmota/button1_single.json": (Press("tasmota:tasmota", "single"),),
    "tasmota/info1_module.json": (Telemetry("tasmota:wemos2", {
        "Module": "Generic", "Version": "7.0.0.3(tasmota)", "FallbackTopic": "cmnd/DVES_15568C_fb/",
        "GroupTopic": "cmnd/sonoffs/"}),),
    "tasmota/info2_network.json": (Telemetry("tasmota:wemos2", {
        "WebServerMode": "Admin", "Hostname": "wemos2", "IPAddress": "192.168.2.191"}),),
    "tasmota/lwt_online_faq.txt": (Presence("tasmota:MYSONOFF", "online"),),
    "tasmota/opentherm_boiler_fault_flags.json": (Telemetry("tasmota:boiler", {
        "ANALOG_A0": 7.0, "OPENTHERM_conn": "BUSY", "OPENTHERM_settings": 3.0,
        "OPENTHERM_SLAVE_FAULT": 0.0, "OPENTHERM_SLAVE_CH": 0.0, "OPENTHERM_SLAVE_DHW": 0.0,
        "OPENTHERM_SLAVE_FL": 0.0, "OPENTHERM_SLAVE_COOL": 0.0, "OPENTHERM_SLAVE_CH2": 0.0,
        "OPENTHERM_SLAVE_DIAG": 0.0, "OPENTHERM_SLAVE_RAW": 3221225472.0,
        "OPENTHERM_BTMP_FAULT": 0.0, "OPENTHERM_BTMP_REQ": 85.0, "OPENTHERM_BTMP_ACT": 85.0,
        "OPENTHERM_HWTMP_REQ": 37.0, "OPENTHERM_HWTMP_ACT": 37.0,
        "OPENTHERM_ASFF_FC": 0.0, "OPENTHERM_ASFF_OFC": 0.0,
        "OPENTHERM_FLM": 0.0, "OPENTHERM_TB": 31.0, "OPENTHERM_TDHW": 30.0, "OPENTHERM_DHWS": 37.0,
        "OPENTHERM_TMAX": 0.0}),),
    "tasmota/sensor_ble_multi_battery.json": (Telemetry("tasmota:%topic%", {
        "LYWSD03_52680f_Temperature": 21.1, "LYWSD03_52680f_Humidity": 58.0, "LYWSD03_52680f_DewPoint": 12.5,
        "LYWSD03_52680f_Battery": 100.0,
        "LYWSD02_a2fd09_Temperature": 21.4, "LYWSD02_a2fd09_Humidity": 57.0, "LYWSD02_a2fd09_DewPoint": 12.5,
        "LYWSD02_a2fd09_Battery": 2.0,
        "MJ_HT_V1_d8799d_Temperature": 21.4, "MJ_HT_V1_d8799d_Humidity": 54.6, "MJ_HT_V1_d8799d_DewPoint": 11.9,
        "TempUnit": "C"}),
        FaultCode("tasmota:%topic%", "LYWSD03_52680f_battery_low", False, None, "battery 100 %"),
        FaultCode("tasmota:%topic%", "LYWSD02_a2fd09_battery_low", True, None, "battery 2 %")),
    "tasmota/sensor_illuminance.json": (Telemetry("tasmota:tasmota", {"ANALOG_Illuminance": 8.0}),),
    "tasmota/sensor_mlx90614.json": (Telemetry("tasmota:tasmota", {
        "MLX90614_OBJTMP": 23.8, "MLX90614_AMBTMP": 22.7}),),
    "tasmota/sensor_mpu6050_vibration.json": (Telemetry("tasmota:tasmota", {
        "MPU6050_Temperature": 27.7, "MPU6050_AccelXAxis": -7568.0, "MPU6050_AccelYAxis": -776.0,
        "MPU6050_AccelZAxis": 12812.0, "MPU6050_GyroXAxis": 270.0, "MPU6050_GyroYAxis": -741.0,
        "MPU6050_GyroZAxis": 700.0, "TempUnit": "C"}),),
    "tasmota/state_vcc.json": (Telemetry("tasmota:tasmota", {
        "Uptime": "0T18:36:12", "UptimeSec": 66972.0, "Vcc": 3.423, "Heap": 28.0, "SleepMode": "Dynamic",
        "Sleep": 50.0, "LoadAvg": 19.0, "MqttCount": 6.0, "POWER": "OFF", "Wifi_AP": 1.0, "Wifi_SSId": "Tasmota",
        "Wifi_BSSId": "00:00:00:00:00:00", "Wifi_Channel": 13.0, "Wifi_RSSI": 100.0, "Wifi_LinkCount": 1.0,
        "Wifi_Downtime": "0T00:00:06"}),),
    "tasmota/state_wifi.json": (Telemetry("tasmota:demo-sensor", {
        "Uptime": "0T00:00:13", "UptimeSec": 13.0, "Heap": 28.0, "SleepMode": "Dynamic", "Sleep": 50.0,
        "LoadAvg": 19.0, "MqttCount": 1.0, "POWER": "ON", "Wifi_AP": 1.0, "Wifi_SSId": "DEMOAP",
        "Wifi_BSSId": "XX:XX:XX:XX:XX:XX", "Wifi_Channel": 1.0, "Wifi_Mode": "11n", "Wifi_RSSI": 86.0,
        "Wifi_Signal": -57.0, "Wifi_LinkCount": 1.0, "Wifi_Downtime": "0T00:00:07"}, 1_624_799_024_000),),
    "tasmota/switch1_action_on.json": (Telemetry("tasmota:tasmota", {"Switch1_Action": "ON"}),),
    "tasmota/zb_bridge_watchdog_boot.json": (Telemetry("tasmota:%topic%", {
        "ZbState_Status": 1.0, "ZbState_Message": "CC2530 booted", "ZbState_RestartReason": "Watchdog",
        "ZbState_MajorRel": 2.0, "ZbState_MinorRel": 6.0}),),
    "shelly_gen2/doc_notifystatus_cloud_lost.json": (
        Telemetry("shelly:shellypro4pm-f008d1d8b8b8", {"cloud_connected": False}, 1_624_348_482_250),),
    "shelly_gen2/notifyevent_config_changed.json": Ignored,
    "shelly_gen2/notifyevent_double_push.json": (
        Press("shelly:shellyplus1-a8032abc7158", "double", "input:0@1646945882.47", 1_646_945_882_470),),
    "shelly_gen2/notifyfullstatus.json": (
        Telemetry("shelly:shellyplus1-08b61fd141e8", {
            "cloud_connected": True, "input_0_id": 0.0, "input_0_state": False, "mqtt_connected": True,
            "switch_0_id": 0.0, "switch_0_source": "SHC", "switch_0_output": True,
            "switch_0_temperature_tC": 48.4, "switch_0_temperature_tF": 119.2,
            "sys_mac": "08B61FD141E8", "sys_restart_required": False, "sys_time": "15:00",
            "sys_unixtime": 1736604018.0, "sys_uptime": 658773.0, "sys_ram_size": 268520.0,
            "sys_ram_free": 110248.0, "sys_fs_size": 393216.0, "sys_fs_free": 106496.0, "sys_cfg_rev": 13.0,
            "sys_kvs_rev": 0.0, "sys_schedule_rev": 1.0, "sys_webhook_rev": 0.0,
            "sys_available_updates_beta_version": "1.5.0-beta1", "sys_reset_reason": 3.0,
            "wifi_sta_ip": "192.168.1.76", "wifi_status": "got ip", "wifi_ssid": "Linksys_7A50",
            "wifi_rssi": -58.0, "wifi_ap_client_count": 0.0, "ws_connected": False}, FULL_STATUS_AT),
        # a whole status that lists no errors says that there are none
        FaultList("shelly:shellyplus1-08b61fd141e8", "", (), FULL_STATUS_AT)),
    "shelly_gen2/notifystatus_cloud.json": (
        Telemetry("shelly:shellyplus1-08b61fd90730", {"cloud_connected": True}, 1_736_604_020_060),),
    "shelly_gen2/notifystatus_switch_on_mqtt.json": (Telemetry("shelly:shellyplus1-a8032abc7158", {
        "switch_0_id": 0.0, "switch_0_output": True, "switch_0_source": "MQTT"}, 1_646_738_883_910),),
    "zigbee2mqtt/action_single.json": (Press("zigbee2mqtt:button"),),
    "zigbee2mqtt/action_single_left.json": (Press("zigbee2mqtt:button_double_key"),),
    "zigbee2mqtt/action_single_lq.json": (
        Press("zigbee2mqtt:button"), Telemetry("zigbee2mqtt:button", {"linkquality": 10.0})),
    "zigbee2mqtt/action_single_right.json": (Press("zigbee2mqtt:button_double_key"),),
    "zigbee2mqtt/availability_cleared_on_rename.txt": (
        Presence("zigbee2mqtt:bulb_color", "removed", relayed=True),),
    "zigbee2mqtt/bridge_logging.json": Ignored,
    "zigbee2mqtt/bridge_state_offline.json": (Presence("zigbee2mqtt:bridge", "lost", bridge=True),),
    "zigbee2mqtt/cover_open.json": (
        Telemetry("zigbee2mqtt:J1_cover", {"position": 10.0, "tilt": 20.0, "state": "OPEN"}),),
    "zigbee2mqtt/doc_bulb.json": (
        Telemetry("zigbee2mqtt:FRIENDLY_NAME", {"state": "ON", "brightness": 215.0, "color_temp": 325.0}),),
    "zigbee2mqtt/doc_climate.json": (
        Telemetry("zigbee2mqtt:FRIENDLY_NAME", {"temperature": 27.34, "humidity": 44.72}),),
    "zigbee2mqtt/event_announce.json": (Presence("zigbee2mqtt:0x90fd9ffffe6494fc", "online"),),
    "zigbee2mqtt/event_device_leave.json": (Presence("zigbee2mqtt:bulb", "lost"),),
    "zigbee2mqtt/remote_nulls.json": (Telemetry("zigbee2mqtt:remote", {
        "brightness": 255.0, "update_installed_version": -1.0, "update_latest_version": -1.0}),),
    "zigbee2mqtt/response_error.json": Ignored,
    "zigbee2mqtt/temp_negative.json": (Telemetry("zigbee2mqtt:weather_sensor", {"temperature": -0.85}),),
}
