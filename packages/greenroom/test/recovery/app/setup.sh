# Setup of the test app. With `hold-setup` in the commit it waits, and leaves a child in a session of its own.
control=../../control
[ -e hold-setup ] || exit 0
setsid sleep 987 &
touch "$control/setup-runs"
while [ ! -e "$control/release" ]; do sleep 0.02; done
