import pytest
from django.db import connection

from interactions.models import EVENT_TABLES


@pytest.fixture
def committing_db(request):
    """A database whose transactions commit where positions ask for it: PostgreSQL's hold nothing uncommitted."""
    request.getfixturevalue("transactional_db" if connection.vendor == "postgresql" else "db")


@pytest.fixture
def first_ids(committing_db):
    """The next event gets the id 1."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER SEQUENCE interactions_event_id RESTART")
        else:
            names = [model._meta.db_table for model in EVENT_TABLES]
            cursor.execute(f"DELETE FROM sqlite_sequence WHERE name IN ({', '.join(['%s'] * len(names))})", names)
