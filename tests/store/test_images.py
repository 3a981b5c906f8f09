"""What images and layers hold: it comes back equal, and what they share is kept once."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from store_samples import BASE, DEBIAN, FINGERPRINT, begun, deb, digest, inventory, layer, pypi, scan
from tidewaiter.model.image import ImageIdentity
from tidewaiter.model.package import Inventory, Location, Package
from tidewaiter.store import images, schema
from tidewaiter.store.packages import bare
from tidewaiter.store.store import Store


def rows(store: Store, table: str) -> int:
    query = select(func.count()).select_from(schema.metadata.tables[table])
    return store._database.read(lambda connection: connection.execute(query).scalar_one())


def kept(store: Store, image: Inventory) -> Inventory | None:
    store.keep_image(image, fingerprint=FINGERPRINT)
    assert image.image.digest is not None
    return store.inventory(image.image.digest)


def test_an_inventory_comes_back_equal(store: Store) -> None:
    image = inventory("app", "django", "flask")
    assert kept(store, image) == image


def test_an_unknown_image_has_no_inventory(store: Store) -> None:
    assert store.inventory(digest("app")) is None


def test_an_inventory_without_packages_or_layers_comes_back_equal(store: Store) -> None:
    image = Inventory(image=ImageIdentity(reference="empty", digest=digest("empty")))
    assert kept(store, image) == image


def test_packages_in_another_order_come_back_in_that(store: Store) -> None:
    image = inventory("app", "django", "flask")
    turned = replace(image, packages=image.packages[::-1])
    assert kept(store, turned) == turned


def test_a_package_with_a_name_that_no_index_takes_comes_back_equal(store: Store) -> None:
    name = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(200))
    image = inventory("app", "django")
    image = replace(image, packages=(replace(image.packages[0], name=name, type=name, version=name),))
    assert kept(store, image) == image


def test_equal_packages_come_back_as_often_as_they_were_there(store: Store) -> None:
    image = inventory("app", "django")
    doubled = replace(image, packages=image.packages * 2)
    assert kept(store, doubled) == doubled


def test_packages_without_layers_come_back_equal(store: Store) -> None:
    image = inventory("app")
    bodiless = replace(image, packages=(pypi("a", None), replace(pypi("b", None), locations=())))
    assert kept(store, bodiless) == bodiless


def test_packages_in_a_layer_that_the_image_does_not_name_come_back_equal(store: Store) -> None:
    image = inventory("app")
    strange = replace(image, packages=(pypi("a", layer(7, "strange")), pypi("b", layer(7, "stranger"))))
    assert kept(store, strange) == strange


def test_packages_in_several_places_come_back_equal(store: Store) -> None:
    places = (Location(path="a", layer=BASE[1], within="x.jar"), Location(path="b", layer=BASE[0]), Location(path="c"))
    image = inventory("app")
    spread = replace(image, packages=(replace(deb("libc6", BASE[0]), locations=places),))
    assert kept(store, spread) == spread


def test_names_that_are_no_text_come_back_equal(store: Store) -> None:
    hostile = "a\0b\udc80c\u2028☃"
    package = replace(deb("libc6", BASE[0]), name=hostile, version=hostile, provides=(hostile,), module=hostile)
    distro = replace(DEBIAN, pretty_name=hostile)
    image = replace(inventory("app"), packages=(replace(package, distro=distro),), distro=distro)
    run = begun(store)
    scan(store, run, image)
    assert store.inventory(digest("app")) == image
    ((_, judged),) = store.packages_to_judge("db", run, 10)
    assert judged == bare(image.packages[0])


def test_to_keep_an_image_again_changes_nothing(store: Store) -> None:
    kept(store, inventory("app", "django"))
    before = {table: rows(store, table) for table in schema.metadata.tables}
    assert kept(store, inventory("app", "django")) == inventory("app", "django")
    assert {table: rows(store, table) for table in schema.metadata.tables} == before


def test_an_image_that_was_looked_at_anew_replaces_what_was_known(store: Store) -> None:
    kept(store, inventory("app", "django", "flask"))
    store.keep_image(inventory("app", "django"), fingerprint="newer")
    assert store.inventory(digest("app")) == inventory("app", "django")
    assert store.remembered([digest("app")], FINGERPRINT) == set()
    assert store.remembered([digest("app")], "newer") == {digest("app")}


def test_what_no_image_holds_any_more_is_dropped(store: Store) -> None:
    kept(store, inventory("app", "django", "flask"))
    before = rows(store, "parcel")
    kept(store, inventory("app", "django"))
    assert rows(store, "parcel") == before
    kept(store, replace(inventory("app"), packages=()))
    assert (rows(store, "parcel"), rows(store, "parcel_package"), rows(store, "image_parcel")) == (0, 0, 0)


def test_what_another_image_holds_is_not_dropped(store: Store) -> None:
    kept(store, inventory("app", "django"))
    kept(store, inventory("web", "flask"))
    kept(store, replace(inventory("app"), packages=()))
    assert store.inventory(digest("web")) == inventory("web", "flask")


def test_images_on_the_same_base_share_what_it_brings(store: Store) -> None:
    for number in range(20):
        kept(store, inventory(f"app {number}", f"package{number}"))
    assert rows(store, "parcel") == 2 + 20
    assert rows(store, "package") == 3 + 20


def test_only_images_that_these_extractors_looked_at_are_remembered(store: Store) -> None:
    kept(store, inventory("app"))
    store.keep_image(inventory("old"), fingerprint="older")
    wanted = [digest("app"), digest("old"), digest("new")]
    assert store.remembered(iter(wanted), FINGERPRINT) == {digest("app")}
    assert store.remembered([], FINGERPRINT) == set()


def test_more_images_than_one_statement_names_are_remembered(store: Store) -> None:
    kept(store, inventory("app"))
    many = [digest(number) for number in range(1200)]
    assert store.remembered([*many, digest("app"), *many], FINGERPRINT) == {digest("app")}


def test_an_inventory_without_a_digest_cannot_be_kept(store: Store) -> None:
    folder = Inventory(image=ImageIdentity(reference="/srv"))
    with pytest.raises(ValueError, match="with a digest"):
        store.keep_image(folder, fingerprint=FINGERPRINT)


def test_a_layer_comes_back_for_the_extractors_that_made_it(store: Store) -> None:
    content = bytes(range(256)) * 1000
    store.keep_layer(digest("layer"), FINGERPRINT, content, 1 << 40)
    assert store.layer(digest("layer"), FINGERPRINT) == content
    assert store.layer(digest("layer"), "other") is None
    assert store.layer(digest("other"), FINGERPRINT) is None


def test_a_layer_that_was_read_anew_replaces_what_was_known(store: Store) -> None:
    store.keep_layer(digest("layer"), "older", b"old", 3)
    store.keep_layer(digest("layer"), FINGERPRINT, b"new", 3)
    assert store.layer(digest("layer"), FINGERPRINT) == b"new"
    assert store.layer(digest("layer"), "older") is None


_NAMES = st.text(max_size=3)
_LAYERS = st.sampled_from([None, *BASE, layer(2, "x"), layer(2, "y")])


@st.composite
def _packages(draw: Callable[[st.SearchStrategy[object]], object]) -> Package:
    place = draw(_LAYERS)
    assert place is None or place in (*BASE, layer(2, "x"), layer(2, "y"))
    package = pypi(str(draw(_NAMES)), BASE[0], str(draw(_NAMES)))
    return replace(package, locations=(Location(path=str(draw(_NAMES)), layer=place),))


@given(st.lists(_packages(), max_size=8))
def test_whatever_packages_an_image_has_their_parcels_and_order_give_them_back(packages: list[Package]) -> None:
    image = Inventory(image=ImageIdentity(reference="x", digest=digest("x")), packages=tuple(packages))
    bundle = images.bundle(image, FINGERPRINT)
    assert images.arranged([each.content for each in bundle.parcels], bundle.arrangement) == image.packages
