"""A store that is closed leaves no connection open, also not one that somebody held just then."""

import gc

from sqlalchemy import text

from gateway.store import Store


def test_a_connection_that_is_given_back_after_the_end_is_closed(both_stores: Store) -> None:
    held = both_stores.engine.connect()  # a page is being read while the gateway stops
    held.execute(text("SELECT 1"))
    real = held.connection.dbapi_connection
    both_stores.close()
    held.close()
    assert real is not None
    closed = getattr(real, "closed", None)  # of psycopg; SQLite's raises when it is used
    if closed is None:
        try:
            real.cursor()
        except Exception as error:
            closed = "closed" in str(error)
    assert closed
    del held, real
    gc.collect()  # psycopg complains of one that was left open


def test_a_closed_store_opens_anew_when_it_is_asked(both_stores: Store) -> None:
    both_stores.close()
    with both_stores.read() as session:
        assert session.connection().execute(text("SELECT 1")).scalar_one() == 1
