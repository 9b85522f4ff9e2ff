#!/usr/bin/env bash
# Grades a class on a Slurm node in an Apptainer container, where the cluster has the kit in no other way. Once,
# where you may build images, from the image of `autograder runner container`:
#
#     apptainer build course.sif docker-daemon:course:latest     # or docker-archive:FILE, from `podman save`
#     chmod 600 course.sif                                       # the hidden tests are in it
#
# then in the course's folder on the cluster:
#
#     autograder runner apptainer > grade.sbatch                 # or copy it there
#     IMAGE=course.sif sbatch grade.sbatch vgg16
#
# Set partition, account and limits as your cluster wants them. Apptainer gives a container no rights that you
# do not have: the box is built in a user namespace within its own, which the node must allow. The first line
# of the log is the doctor's; where it says LACK box, nothing is graded. The rest is as in `autograder runner slurm`.
#
#SBATCH --job-name=autograder
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=48G
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=grade-%j.log
##SBATCH --gres=gpu:1
set -u

assignment=${1:?Name the assignment: sbatch grade.sbatch ASSIGNMENT}
course=${COURSE:-${SLURM_SUBMIT_DIR:-$PWD}}
image=${IMAGE:-$course/course.sif}

# Nothing of yours is in the container but the course: not your home, not your variables.
kit() {
    exec apptainer exec --nv --containall --no-home --bind "$course:/course" "$image" \
        /opt/kit/bin/autograder --course /course "$@"
}

(kit doctor) || echo "The doctor found something: see above."

# Only the grader itself gets the signal, which Slurm would else send to the students' cells as well.
kit grade "$assignment" --quiet &
grader=$!
trap 'kill -INT "$grader"' USR1
code=138
while [ "$code" -eq 138 ]; do # 128 + USR1: the signal, and not the grader, ended the waiting
    wait "$grader"
    code=$?
done

if [ "$code" -eq 130 ]; then
    echo "Stopped before the time was up; queued again."
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code" # 0 all marks are there, 2 something is broken, 3 some submissions need staff
