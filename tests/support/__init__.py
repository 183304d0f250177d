"""What tests share: simulated clusters, fake disks, generated histories."""
