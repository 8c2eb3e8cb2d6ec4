"""Local firms' own page: who may open it, and what a firm says there about its days and its capacity."""
