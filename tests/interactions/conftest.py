import pytest
from django.db import connection

from interactions.models import EVENT_TABLES

if connection.vendor == "postgresql":

    @pytest.fixture
    def committing_db(transactional_db):
        """A database whose transactions commit, since a position of PostgreSQL holds nothing uncommitted."""

else:

    @pytest.fixture
    def committing_db(db):
        """A database; what is loaded is in a position of SQLite before it is committed."""


@pytest.fixture
def first_ids(committing_db):
    """The next event gets the id 1."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER SEQUENCE interactions_event_id RESTART")
        else:
            names = [model._meta.db_table for model in EVENT_TABLES]
            cursor.execute(f"DELETE FROM sqlite_sequence WHERE name IN ({', '.join(['%s'] * len(names))})", names)
