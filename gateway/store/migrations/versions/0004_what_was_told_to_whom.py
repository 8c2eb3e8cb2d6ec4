"""What was told to whom."""

from alembic import op

revision = "0004"
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index(op.f('ix_notification_recipient'), table_name='notification')
    op.create_index('notification_to', 'notification', ['recipient', 'subject_id'], unique=False)
