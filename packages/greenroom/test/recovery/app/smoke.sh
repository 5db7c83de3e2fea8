# Smoke test of the test app. With `hold-smoke` in the commit it waits, and leaves a child in a session of its own.
control=../../control
[ -e hold-smoke ] || exit 0
setsid sleep 986 &
touch "$control/smoke-runs"
while [ ! -e "$control/release" ]; do sleep 0.02; done
