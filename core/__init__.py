"""What `gan` and `nst` both stand on: the engine, statistics, layers, phases, schedules."""
