"""What Alembic runs to upgrade: the missing migrations, on the connection and in the transaction it was handed."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    on_version_apply=context.config.attributes["on_version_apply"],
)
context.run_migrations()
