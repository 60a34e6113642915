"""Profiles and campaigns in the admin: found by their numbers and keys, and not to be changed."""

import pytest
from django.contrib import admin

from interactions.models import EVENT_TABLES, Campaign, Profile
from tests.factories import load_campaign_lines, load_profile_lines, make_attribute, make_table

pytestmark = pytest.mark.django_db
PROFILES, CAMPAIGNS = "/admin/interactions/profile/", "/admin/interactions/campaign/"


@pytest.fixture
def table():
    table = make_table()
    make_attribute(table)
    load_profile_lines(table, ["firstName"], ("70", "key-1", "Zoë"), ("71", "70", None), ("-72", None, None))
    load_campaign_lines(table.account, ("5", "Spring sale", "ONE_SHOT"), ("6", "Autumn", None))
    return table


def shown(response):
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


def profile(number):
    return Profile.objects.get(profile_id=number).pk


@pytest.mark.parametrize(("term", "numbers"), [("key-1", [70]), ("70", [71, 70]), ("-72", [-72]), ("key", []), ("9" * 30, [])])
def test_profiles_are_found_by_number_and_key(admin_client, table, term, numbers):
    assert shown(admin_client.get(PROFILES, {"q": term})) == [profile(number) for number in numbers]


def test_campaigns_are_found_by_number_and_name(admin_client, table):
    for term, number in (("5", 5), ("autumn", 6)):
        assert shown(admin_client.get(CAMPAIGNS, {"q": term})) == [Campaign.objects.get(campaign_id=number).pk]


def test_a_profile_shows_its_attributes(admin_client, table):
    page = admin_client.get(f"{PROFILES}{profile(70)}/change/").content.decode()
    assert "key-1" in page
    assert "Zo" in page
    assert 'name="_save"' not in page


@pytest.mark.parametrize("path", [PROFILES, CAMPAIGNS])
def test_nothing_is_added_changed_or_deleted(admin_client, table, path):
    first = (Profile if path == PROFILES else Campaign).objects.first()
    assert admin_client.get(f"{path}add/").status_code == 403
    assert admin_client.post(f"{path}{first.pk}/change/", {"business_key": "x", "name": "x"}).status_code == 403
    assert admin_client.post(f"{path}{first.pk}/delete/", {"post": "yes"}).status_code == 403
    assert (Profile.objects.count(), Campaign.objects.count()) == (3, 2)


def test_the_lists_take_the_same_number_of_queries_whatever_their_length(admin_client, table, django_assert_max_num_queries):
    load_profile_lines(table, [], *((str(number), f"k{number}") for number in range(100, 140)))
    for path in (PROFILES, CAMPAIGNS):
        with django_assert_max_num_queries(8):
            admin_client.get(path)


def test_events_are_not_in_the_admin():
    assert not set(EVENT_TABLES) & set(admin.site._registry)
