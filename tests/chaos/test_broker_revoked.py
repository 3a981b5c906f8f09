"""A connection that is revoked during a scan ends as a told gap; the other one of the same client goes on."""

from broker_programs import Site
from brokered_accounts import Owner
from brokered_cargo import Harvest, harvest, start
from fakes.holds import HeldBlobs
from fleet_commands import Json
from tidewaiter.broker.server.connections import revoke
from tidewaiter.store.store import Store


def test_a_connection_is_revoked_during_a_scan(place: Site, brought_in: Harvest) -> None:
    _, _, client = start(place)
    web, data = place.world.web, place.world.data
    hold = HeldBlobs.of(place.world.cloud).hold(after=4)
    running = place.scan()
    hold.wait(lambda: running.is_alive)
    with Store.open(place.store) as store:
        revoke(store.exchange, "data")
    client.wait_for("The server dropped a connection", connection="data")
    hold.release()
    found = harvest(place, running.ended())
    assert found.code == 2
    assert images(found, web) == images(brought_in, web)
    assert set(images(found, data)) == set(images(brought_in, data)), "all of them are told"
    lost = [image for image in images(found, data).values() if image["state"] == "failed"]
    assert lost
    assert all((image["why"], "was revoked" in image["detail"]) == ("denied", True) for image in lost)


def images(found: Harvest, owner: Owner) -> dict[str, Json]:
    """What a report says of an account's images, by their references."""
    return {
        image["reference"]: {**image, "vulnerable": len(image["vulnerable"])}
        for image in found.report["images"]
        if image["account"] == owner.account.id
    }
