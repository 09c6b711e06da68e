"""Unix seconds to the clock and calendar that shoppers live by."""

import tensorflow as tf

# Shops live by Chinese time; a timestamp is UTC.
LOCAL_OFFSET_SECONDS = 8 * 3600
_DAY = 86400


def local_hour(timestamp: tf.Tensor) -> tf.Tensor:
    """Returns the hour of the day (0 to 23, UTC+8) of Unix seconds."""
    return (timestamp + LOCAL_OFFSET_SECONDS) // 3600 % 24


def local_weekday(timestamp: tf.Tensor) -> tf.Tensor:
    """Returns the weekday (0 Monday to 6, UTC+8) of Unix seconds."""
    return ((timestamp + LOCAL_OFFSET_SECONDS) // _DAY + 3) % 7
