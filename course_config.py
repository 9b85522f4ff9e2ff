"""The course's configuration, for `autograder` and for every nbgrader tool."""

from autograder.nbgrader_plugin import configure

c = get_config()  # noqa: F821 - traitlets defines it where it reads this file
configure(c, __file__)

c.CourseDirectory.course_id = "deep-learning-for-visual-computing"

# Real CIFAR-10 images, where there are some; without them images drawn by code are used.
# c.CourseSettings.data_directory = "/srv/cifar10"

# Limits of the box: see `autograder doctor --settings` for all of them and their reasons.
# c.BoxSettings.memory_mib = 4096
