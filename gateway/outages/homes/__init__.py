"""What an outage means to one home: what its devices prove, what a press there is answered with, who is rung first."""
