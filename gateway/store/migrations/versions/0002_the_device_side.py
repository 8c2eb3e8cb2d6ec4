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
    op.create_table('maintenance_window',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('area_id', sa.String(), nullable=False),
        sa.Column('from_at', sa.BigInteger(), nullable=False),
        sa.Column('until_at', sa.BigInteger(), nullable=False),
        sa.Column('words', sa.JSON(), nullable=False),
        sa.Column('created_at', sa.BigInteger(), nullable=False),
        sa.Column('created_by', sa.String(), nullable=False),
        sa.Column('announced_at', sa.BigInteger(), nullable=True),
        sa.Column('next_at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['area_id'], ['area.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_maintenance_window_area_id'), 'maintenance_window', ['area_id'], unique=False)
    op.create_index('maintenance_next', 'maintenance_window', ['next_at'], unique=False, sqlite_where=sa.text('next_at IS NOT NULL'), postgresql_where=sa.text('next_at IS NOT NULL'))
    op.create_table('outage',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('key', sa.String(), nullable=False),
        sa.Column('area_id', sa.String(), nullable=True),
        sa.Column('name', sa.String(), nullable=False),
        sa.Column('kind', sa.String(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('round', sa.Integer(), nullable=False),
        sa.Column('device_id', sa.String(), nullable=True),
        sa.Column('ticket_id', sa.String(), nullable=True),
        sa.Column('homes', sa.Integer(), nullable=False),
        sa.Column('dark', sa.Integer(), nullable=False),
        sa.Column('size', sa.Integer(), nullable=False),
        sa.Column('began_at', sa.BigInteger(), nullable=False),
        sa.Column('last_at', sa.BigInteger(), nullable=False),
        sa.Column('suspected_at', sa.BigInteger(), nullable=False),
        sa.Column('confirmed_at', sa.BigInteger(), nullable=True),
        sa.Column('restoring_at', sa.BigInteger(), nullable=True),
        sa.Column('restored_at', sa.BigInteger(), nullable=True),
        sa.Column('closed_at', sa.BigInteger(), nullable=True),
        sa.Column('etr_at', sa.BigInteger(), nullable=True),
        sa.Column('next_at', sa.BigInteger(), nullable=True),
        sa.Column('why', sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(['area_id'], ['area.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_outage_area_id'), 'outage', ['area_id'], unique=False)
    op.create_index(op.f('ix_outage_began_at'), 'outage', ['began_at'], unique=False)
    op.create_index(op.f('ix_outage_ticket_id'), 'outage', ['ticket_id'], unique=False)
    op.create_index('outage_next', 'outage', ['next_at'], unique=False, sqlite_where=sa.text('next_at IS NOT NULL'), postgresql_where=sa.text('next_at IS NOT NULL'))
    op.create_index('outage_open', 'outage', ['key'], unique=True, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
    op.create_table('outage_member',
        sa.Column('id', sa.String(), nullable=False),
        sa.Column('outage_id', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('customer_id', sa.String(), nullable=False),
        sa.Column('state', sa.String(), nullable=False),
        sa.Column('round', sa.Integer(), nullable=False),
        sa.Column('died_at', sa.BigInteger(), nullable=False),
        sa.Column('joined_at', sa.BigInteger(), nullable=False),
        sa.Column('back_at', sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(['outage_id'], ['outage.id']),
        sa.ForeignKeyConstraint(['site_id'], ['site.id']),
        sa.PrimaryKeyConstraint('id')
    )
    op.create_index('outage_member_dark', 'outage_member', ['site_id'], unique=False, sqlite_where=sa.text('back_at IS NULL'), postgresql_where=sa.text('back_at IS NULL'))
    op.create_index('outage_member_of', 'outage_member', ['outage_id', 'customer_id'], unique=False)
    op.create_table('credential',
        sa.Column('device_id', sa.String(), nullable=False),
        sa.Column('hash', sa.String(), nullable=False),
        sa.Column('made_at', sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(['device_id'], ['device.id']),
        sa.PrimaryKeyConstraint('device_id')
    )
    op.create_table('loss',
        sa.Column('device_id', sa.String(), nullable=False),
        sa.Column('site_id', sa.String(), nullable=False),
        sa.Column('died_at', sa.BigInteger(), nullable=False),
        sa.Column('blur', sa.BigInteger(), nullable=False),
        sa.Column('silent', sa.Boolean(), nullable=False),
        sa.Column('ended_at', sa.BigInteger(), nullable=True),
        sa.Column('link', sa.String(), nullable=False),
        sa.Column('drops', sa.Float(), nullable=False),
        sa.Column('drops_at', sa.BigInteger(), nullable=False),
        sa.Column('fresh', sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(['device_id'], ['device.id']),
        sa.PrimaryKeyConstraint('device_id')
    )
    op.create_index(op.f('ix_loss_site_id'), 'loss', ['site_id'], unique=False)
    op.create_index('loss_fresh', 'loss', ['device_id'], unique=False, sqlite_where=sa.text('fresh'), postgresql_where=sa.text('fresh'))
    op.create_index('loss_open', 'loss', ['died_at'], unique=False, sqlite_where=sa.text('ended_at IS NULL'), postgresql_where=sa.text('ended_at IS NULL'))
    op.add_column('alarm', sa.Column('cleared_at', sa.BigInteger(), nullable=True))
    op.add_column('alarm', sa.Column('command_id', sa.String(), nullable=True))
    op.add_column('alarm', sa.Column('try_until', sa.BigInteger(), nullable=True))
    op.add_column('alarm', sa.Column('fixed_by', sa.String(), nullable=True))
    op.add_column('alarm', sa.Column('held_by', sa.String(), nullable=True))
    op.add_column('alarm', sa.Column('hold_until', sa.BigInteger(), nullable=True))
    op.add_column('alarm', sa.Column('latch', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('alarm', sa.Column('flapping', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('alarm', sa.Column('monitor', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.create_index('alarm_held', 'alarm', ['hold_until'], unique=False, sqlite_where=sa.text('hold_until IS NOT NULL'), postgresql_where=sa.text('hold_until IS NOT NULL'))
    op.create_index('alarm_tried', 'alarm', ['device_id', 'opened_at'], unique=False, sqlite_where=sa.text('command_id IS NOT NULL'), postgresql_where=sa.text('command_id IS NOT NULL'))
    op.create_index('alarm_trying', 'alarm', ['try_until'], unique=False, sqlite_where=sa.text('try_until IS NOT NULL'), postgresql_where=sa.text('try_until IS NOT NULL'))
    op.create_index(op.f('ix_alarm_held_by'), 'alarm', ['held_by'], unique=False)
    op.add_column('callback', sa.Column('outage_id', sa.String(), nullable=True))
    op.add_column('command', sa.Column('why', sa.String(), nullable=True))
    op.create_index('command_of', 'command', ['device_id', 'created_at'], unique=False)
    op.add_column('ticket', sa.Column('outage_id', sa.String(), nullable=True))
    op.add_column('unclaimed', sa.Column('name', sa.String(), server_default='', nullable=False))
    op.add_column('unclaimed', sa.Column('model', sa.String(), server_default='', nullable=False))
    op.add_column('unclaimed', sa.Column('via', sa.String(), nullable=True))
