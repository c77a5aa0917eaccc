"""Commands that say what there is: pages, data sets, devices, back ends."""
