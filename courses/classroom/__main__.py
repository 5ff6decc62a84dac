"""``python -m courses.classroom``."""

from courses.classroom.app import ClassroomApp

if __name__ == "__main__":
    ClassroomApp.launch_instance()
