"""The device side."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('note',
        sa.Column('source', sa.String(), nullable=False),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('value', sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint('source', 'name')
    )
    op.create_table('route',
        sa.Column('source', sa.String(), nullable=False),
        sa.Column('topic', sa.String(), nullable=False),
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('spec', sa.Text(), nullable=False),
        sa.Column('changed_at', sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint('source', 'topic')
    )
    op.create_index(op.f('ix_route_changed_at'), 'route', ['changed_at'], unique=False)
    op.create_table('credential',
        sa.Column('device_id', sa.String(), nullable=False),
        sa.Column('hash', sa.String(), nullable=False),
        sa.Column('made_at', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(['device_id'], ['device.id']),
        sa.PrimaryKeyConstraint('device_id')
    )
    op.add_column('alarm', sa.Column('command_id', sa.String(), nullable=True))
    op.add_column('alarm', sa.Column('try_until', sa.BigInteger(), nullable=True))
    op.add_column('alarm', sa.Column('fixed_by', sa.String(), nullable=True))
    op.create_index('alarm_tried', 'alarm', ['device_id', 'opened_at'], unique=False, sqlite_where=sa.text('command_id IS NOT NULL'), postgresql_where=sa.text('command_id IS NOT NULL'))
    op.create_index('alarm_trying', 'alarm', ['try_until'], unique=False, sqlite_where=sa.text('try_until IS NOT NULL'), postgresql_where=sa.text('try_until IS NOT NULL'))
    op.add_column('command', sa.Column('why', sa.String(), nullable=True))
    op.create_index('command_of', 'command', ['device_id', 'created_at'], unique=False)
    op.add_column('unclaimed', sa.Column('name', sa.String(), server_default='', nullable=False))
    op.add_column('unclaimed', sa.Column('model', sa.String(), server_default='', nullable=False))
    op.add_column('unclaimed', sa.Column('via', sa.String(), nullable=True))
