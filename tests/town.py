"""A town that everybody knows: Alice, Bob and Charlie, their homes and devices, and the local firms who help."""

import time

from gateway.config.fleet_file import Fleet, read_fleet
from gateway.store import Store
from gateway.store.fleet import save_fleet

TOWN = """
areas:
  - {id: wiesental, name: Wiesental}
  - {id: lindenweg, name: Lindenweg, parent: wiesental}
  - {id: feeder-7, name: Feeder 7, kind: feeder}
customers:
  - id: alice
    name: Alice Keller
    timezone: Europe/Zurich
    quiet_hours: ["22:00", "07:00"]
    contacts:
      - {channel: email, address: alice@example.com}
      - {channel: sms, address: "+41791234567"}
  - id: bob
    name: Bob Meier
    locale: de
    timezone: Europe/Zurich
    contacts:
      - {channel: email, address: bob@example.com}
  - id: charlie
    name: Charlie Brunner
    timezone: Europe/Zurich
    contacts:
      - {channel: email, address: charlie@example.com}
sites:
  - {id: alice-home, customer: alice, name: Alice's house, street: Lindenweg 1, postcode: 8001, town: Wiesental,
     lat: 47.37, lon: 8.54, areas: [lindenweg, feeder-7], access: the key is with the neighbour at number 3}
  - {id: bob-home, customer: bob, name: Bob's flat, street: Lindenweg 2, postcode: 8001, town: Wiesental,
     lat: 47.371, lon: 8.541, areas: [lindenweg, feeder-7]}
  - {id: charlie-home, customer: charlie, name: Charlie's farm, street: Hofgasse 9, postcode: 8820, town: Seedorf,
     lat: 47.23, lon: 8.67, areas: [wiesental]}
devices:
  - {id: alice-pump, profile: heat-pump, site: alice-home, name: Heat pump}
  - {id: alice-button, profile: button, site: alice-home, name: Help button}
  - {id: bob-pump, profile: heat-pump, site: bob-home, name: Wärmepumpe}
  - {id: charlie-pump, profile: heat-pump, site: charlie-home, name: Heat pump}
  - {id: charlie-button, profile: button, site: charlie-home, name: Help button}
providers:
  - id: kunz
    name: Kunz Heating
    timezone: Europe/Zurich
    phone: "+41446681800"
    skills: [heating]
    territory: {postcodes: ["80*"]}
    hours: {mon: [["07:00", "18:00"]], tue: [["07:00", "18:00"]], wed: [["07:00", "18:00"]],
            thu: [["07:00", "18:00"]], fri: [["07:00", "18:00"]]}
    capacity: 3
    emergency: true
    contacts:
      - {channel: email, address: office@kunz.example}
    technicians:
      - {id: karin, name: Karin Kunz, skills: [heating]}
  - id: seeblick
    name: Seeblick Service
    locale: de
    timezone: Europe/Zurich
    skills: [heating, electrical]
    territory: {areas: [wiesental]}
    hours: {mon: [["00:00", "24:00"]], tue: [["00:00", "24:00"]], wed: [["00:00", "24:00"]],
            thu: [["00:00", "24:00"]], fri: [["00:00", "24:00"]], sat: [["00:00", "24:00"]], sun: [["00:00", "24:00"]]}
    contacts:
      - {channel: email, address: office@seeblick.example}
    technicians:
      - {id: stefan, name: Stefan Suter}
"""


def move_in(store: Store) -> Fleet:
    """Everybody in TOWN is in the store afterwards."""
    fleet = read_fleet(TOWN, "tests/town.py")
    with store.write() as session:
        save_fleet(session, fleet, now=round(time.time() * 1000))
    return fleet
