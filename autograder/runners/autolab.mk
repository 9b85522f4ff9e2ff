# Autolab's autograde-Makefile, for an autograding image that has the kit and the course, as `autograder runner
# container` builds it, beside what all of your Autolab's images have (Tango's autodriver). autograde.tar can
# hold anything: everything is in the image. On the site: a problem for each item, named by its
# grade_id, with its points; written answers as well, which people mark there. HANDIN is the base name.
#
# Whatever is printed here students see at once, so nothing is but the lines for Autolab. The last one always is
# there: without it Autolab would give every problem a released 0. Where nothing can be judged, it names any one
# of the site's problems, without a score, and Autolab leaves all of them open.
HANDIN = handin.tar
PROBLEM = NAME_OF_ANY_PROBLEM
COURSE = /course
ASSIGNMENT =

all:
	@mkdir -p handed_in
	@case $(HANDIN) in \
	  *.tar) tar --extract --no-same-owner --no-same-permissions --file $(HANDIN) --directory handed_in ;; \
	  *) cp $(HANDIN) handed_in ;; \
	esac > /dev/null 2>&1 || true
	@autograder --course $(COURSE) score handed_in $(if $(ASSIGNMENT),--assignment $(ASSIGNMENT)) \
	  --as autolab autoresult > /dev/null 2>> $(COURSE)/records/runner.log || true
	@if [ -s autoresult ]; then cat autoresult; else \
	  echo 'Not judged yet, which is not your fault and no zero: staff will look at it.'; \
	  echo '{"scores": {"$(PROBLEM)": null}}'; \
	fi
