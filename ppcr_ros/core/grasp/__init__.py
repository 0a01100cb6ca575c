"""From a mask and its depth to a grasp target."""
