"""Benchmark: accuracy of area outage detection by outage size, on hundreds of random power cuts in simulated time.

    python -m benchmarks.areas --seeds 1,2,3            # seeds from 100 on are kept for the final score
    python -m benchmarks.areas --seeds 4 --restart      # killed for ten minutes three times instead of once

A town of about sixty streets (3 to 200 homes) on feeders of two to four, the shipped profiles, and homes with one to
three devices: plugs and relays whose will the broker speaks seconds to 1.5 keep-alives after the power went, heat pumps
that are found by silence alone, leak sensors and buttons that sleep for a day and prove nothing. Cuts take a street,
its lower part or two neighbouring streets, come back at once or over a quarter of an hour, leave a home dark, come
again after three minutes, meet a gateway or a broker that is killed. Around them homes are lost one by one, three at a
time, or flap, and streets are switched off on purpose.

What is demanded, fixed before anything was measured:

- a cut is **demanded** when at least 5 homes that were live go dark, and these are at least half of a street's live
  homes (of more than 20 live homes: √(5 n)), and that many were dark together at a moment when the gateway could know
  it: by a will that it was told, or by silence longer than the profile allows, counted anew after it was deaf itself.
  Other cuts (3 or 4 homes, or over before they could be heard) may be found and need not.
- it is **found** when a confirmed outage has at least half of those homes. Each confirmed outage less than half of
  whose homes were dark in one cut is **false**, and so is each carrier and each "everything" (no such thing happens
  here) and what is raised about planned work that ends in time. Planned work that ends late is a cut at its end.
- the **area** is exact when it is the street (of two streets at once: the feeder above both).
- each customer in a found outage hears of it **once** (and once more when it is dark again after it was said to be
  over); a customer whose home was in no cut then hears nothing.
- a **nested** home (dark 40 minutes longer or more) has its own ticket; other homes of a found cut have none.
"""
