"""Who is meant by a user name or an e-mail address."""

from django.test import Client

from tenants.finding import person
from tenants.models import User
from tests.cast import PASSWORD, Cast


def test_it_works(cast: Cast) -> None:
    User.objects.filter(pk=cast.dev.pk).update(email="Dev@example.test")
    assert person(" DEV ") == cast.dev
    assert person("dev@EXAMPLE.test") == cast.dev
    assert person("") is person("nobody") is person("d\x00") is None


def test_nobody_is_found_by_a_user_name_that_looks_like_somebody_elses_address(cast: Cast) -> None:
    User.objects.create_user("cfo@example.test", email="attacker@example.test")
    assert person("cfo@example.test") is None
    User.objects.filter(pk=cast.dev.pk).update(email="cfo@example.test")
    assert person("cfo@example.test") == cast.dev


def test_an_address_that_two_have_means_nobody(cast: Cast) -> None:
    User.objects.filter(pk__in=[cast.dev.pk, cast.vera.pk]).update(email="team@example.test")
    assert person("team@example.test") is None


def test_nobody_can_sign_up_with_an_address_as_user_name(cast: Cast, client: Client) -> None:
    form = {"email": "a@example.test", "username": "cfo@bank.test", "password1": PASSWORD, "password2": PASSWORD}
    told = client.post("/accounts/signup/", form)
    assert told.status_code == 200
    assert "your e-mail address has its own field" in told.content.decode()
    assert not User.objects.filter(email="a@example.test").exists()
