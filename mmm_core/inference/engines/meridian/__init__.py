"""Engine `meridian`: the same specification fitted by Google's Meridian, in a process and an environment of its own."""
