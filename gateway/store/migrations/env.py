"""Alembic's environment: runs the missing migrations on the connection and transaction it is given."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    on_version_apply=context.config.attributes["on_version_apply"],
)
context.run_migrations()
