"""A mapping in which every kind of message is said once, with examples; and mappings of one message."""

from gateway.devices.mappings import Mapping, compile_mapping

PUMP = """\
mapping: acme-pump
key: "{site}/{device}"
messages:
  - topic: acme/{site}/{device}/state
    at: payload.time
    telemetry:
      flow_temp: payload.t / 10
      pump: payload.state == "on"
      name: payload.info["long-name"]
      first: payload.list[0] + 1
      where: site
    faults:
      E7: payload.err == 7
      E8: 8 in payload.errors
    battery: payload.bat
  - topic: acme/{site}/{device}/button
    press:
      when: has(payload.click.kind)
      kind: payload.click.kind
      id: payload.click.n
  - topic: acme/{site}/{device}/link
    payload: text
    presence: '{"up": "online", "down": "lost", "bye": "stopped", "zzz": "sleeping", "?": "unknown"}[payload]'
  - topic: acme/{site}/{device}/everything
    telemetry: all
  - topic: acme/{site}/{device}/level
    payload: number
    telemetry: {level: payload / 2}
examples:
  - {topic: acme/north/p1/state, payload: '{"t": 415}', gives: {telemetry: {flow_temp: 41.5, where: north}}}
  - {topic: acme/north/p1/button, payload: {click: {kind: hold, n: 12}}, gives: {press: long, press_id: "12"}}
  - {topic: acme/north/p1/link, payload: up, gives: {presence: online}}
  - {topic: acme/north/p1/everything, payload: {a: {b: 1}}, gives: {telemetry: {a_b: 1}}}
  - {topic: acme/north/p1/level, payload: 7, gives: {telemetry: {level: 3.5}}}
"""


def one_message(message: str, example: str, head: str = "mapping: m\n") -> Mapping:
    return compile_mapping(f"{head}messages:\n  - {{topic: 'm/{{device}}', {message}}}\n"
                           f"examples:\n  - {{topic: m/1, {example}}}\n", "m.yaml")
