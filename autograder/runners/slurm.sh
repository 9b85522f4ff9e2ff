#!/usr/bin/env bash
# Grades a class on a Slurm cluster, in one job on one node. In the course's folder:
#
#     autograder runner slurm > grade.sbatch
#     sbatch grade.sbatch vgg16
#
# Set the partition, the account and what else your cluster wants below or as options of sbatch. Five
# minutes before its time is up the job stops as with Ctrl-C, which keeps all marks, and queues itself
# again to go on. The node must allow user namespaces, which the box is built from; where it does not,
# nothing is graded, and the log says what is missing.
#
# A GPU: ask for one below and set `c.CourseSettings.gpus = [0]` in course_config.py. On clusters that show a
# job only its own GPUs (ConstrainDevices) they count from 0; elsewhere name the number that the log shows.
# records/ holds SQLite files: the course's folder should lie on a file system with working locks.
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
PATH="$course/.venv/bin:$PATH"

echo "$(date -Is) on $(hostname), GPUs: ${SLURM_JOB_GPUS:-none}, visible as: ${CUDA_VISIBLE_DEVICES:-none}"
autograder --course "$course" doctor || echo "The doctor found something: see above."

# Only the grader itself gets the signal. Slurm could send it to every process of the job, but then the
# cells that are running in the boxes would be interrupted too, and their students would pay for it.
autograder --course "$course" grade "$assignment" --quiet &
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
