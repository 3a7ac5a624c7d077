"""Further commands: import weights, measure speed, make the figures and tables of papers."""
