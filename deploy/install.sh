#!/bin/sh
# Installs Inventory Hub on this machine as systemd services, or upgrades it; docs/deploy/systemd.md
# walks through it. Needs root, Python 3.11 or later with venv, and systemd.
set -eu

name=inventory-hub
program=/opt/$name
settings=/etc/$name
data=/var/lib/$name
units=/etc/systemd/system
command=/usr/local/bin/$name
timers="$name-ninja.timer $name-threatlocker.timer $name-agent.timer"
services="$name-web.service $name-worker.service"
here=$(cd "$(dirname "$0")" && pwd)

usage() {
    cat <<'EOF'
usage: deploy/install.sh [--timers] [--with=vault,aws] [--no-start] [WHEEL]
       deploy/install.sh --uninstall

Installs this checkout, or WHEEL; done again, it upgrades. Settings and data stay as they are.
  --timers     collect by systemd's timers, not by the worker; again, after TIMEZONE or COLLECT_AT changed
  --with=...   optional parts too: vault, aws (docs/secrets.md)
  --no-start   enable the services, but start nothing yet
  --uninstall  remove services and program; settings, data and the user stay
EOF
}

fail() {
    echo "$*" >&2
    exit 2
}

# systemctl for what runs: there is nothing to do where systemd does not run (an image, a chroot).
running_systemctl() {
    if [ -d /run/systemd/system ]; then systemctl "$@"; fi
}

uninstall() {
    # shellcheck disable=SC2086  # They are lists.
    for unit in $timers $services; do
        if [ -e "$units/$unit" ]; then
            running_systemctl stop "$unit"
            systemctl --quiet disable "$unit"
        fi
        rm -rf "${units:?}/$unit" "${units:?}/$unit.d"
    done
    running_systemctl stop "$name-collect@*.service"
    rm -rf "$units/$name-collect@.service" "$program" "$command"
    running_systemctl daemon-reload
    echo "Removed the services and $program. Settings in $settings, data in $data and the user $name"
    echo "stay. To remove them too: rm -r $settings $data; userdel $name"
}

as_service() {
    (cd "$settings" && umask 027 && runuser -u "$name" -- "$@")
}

make_user_and_folders() {
    if ! getent passwd "$name" >/dev/null; then
        useradd --system --user-group --home-dir "$data" --no-create-home \
            --shell /usr/sbin/nologin "$name"
    fi
    install -d -m 750 -o root -g "$name" "$program" "$settings"
    install -d -m 750 -o "$name" -g "$name" "$data"
}

install_program() {
    "$python" -m venv "$program"
    source=$wheel
    if [ -z "$source" ]; then
        # A copy: building leaves files beside what it builds.
        source=$(mktemp -d)
        trap 'rm -rf "$source"' EXIT
        (cd "$here/.." && tar -c --exclude=./.venv --exclude=./.git --exclude=./data \
            --exclude=./build --exclude=./dist --exclude=./.env .) | tar -x -C "$source"
    fi
    # The group may read it, nobody else; pip keeps to the umask.
    (umask 027 && "$program/bin/python" -m pip --disable-pip-version-check --quiet install \
        --upgrade -c "$here/../constraints.txt" "$source$extras")
    chgrp -R "$name" "$program"
    chmod -R g+rX "$program"
}

write_settings() {
    if [ ! -e "$settings/.env" ]; then
        key=$("$python" -c 'import secrets; print(secrets.token_hex(32))')
        (umask 077 && sed -e "s|^#DATA_DIR=.*|DATA_DIR=$data|" -e "s|^#SECRET_KEY=.*|SECRET_KEY=$key|" \
            "$here/../.env.example" >"$settings/.env")
        chown "root:$name" "$settings/.env"
        chmod 640 "$settings/.env"
        echo "Wrote $settings/.env: the vendors' keys are still missing in it."
    fi
}

write_command() {
    cat >"$command" <<EOF
#!/bin/sh
# $name with the settings and as the user of the services.
cd $settings || exit 2
umask 027
if [ "\$(id -un)" = $name ]; then exec $program/bin/$name "\$@"; fi
exec runuser -u $name -- $program/bin/$name "\$@"
EOF
    chmod 755 "$command"
}

write_units() {
    install -m 644 "$here/systemd/"*.service "$here/systemd/"*.timer "$units/"
    # The times of COLLECT_AT in the zone of TIMEZONE, twice: see the timers.
    as_service "$program/bin/python" - <<'PYTHON' | while read -r source at later zone; do
import cli.main
from cli.settings import process_settings
from etl.work.due import collect_times

settings = process_settings()
for source, at in collect_times(settings).items():
    print(source, f"{at:%H:%M}", f"{(at.hour + 1) % 24:02}:{at:%M}", settings.timezone)
PYTHON
        [ -e "$units/$name-$source.timer" ] || continue
        install -d -m 755 "$units/$name-$source.timer.d"
        cat >"$units/$name-$source.timer.d/times.conf" <<EOF
[Timer]
OnCalendar=
OnCalendar=*-*-* $at:00 $zone
OnCalendar=*-*-* $later:00 $zone
OnCalendar=*-*-* 23:05:00 $zone
EOF
    done
    running_systemctl daemon-reload
}

wheel='' timed='' extras='' start=yes
for argument; do
    case $argument in
    --uninstall) action=uninstall ;;
    --timers) timed=yes ;;
    --with=?*) extras="[${argument#--with=}]" ;;
    --no-start) start='' ;;
    -h | --help) usage && exit ;;
    -*) usage >&2 && exit 2 ;;
    *) wheel=$argument ;;
    esac
done
[ "$(id -u)" = 0 ] || fail "It changes the system: run it as root (sudo deploy/install.sh)."
command -v systemctl >/dev/null || fail "There is no systemctl: this is for machines with systemd."
[ "${action:-}" != uninstall ] || { uninstall && exit; }
[ -z "$wheel" ] || [ -f "$wheel" ] || fail "$wheel is no file: give the path of a wheel, or none."
python=${PYTHON:-python3}
"$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "Python 3.11 or later with venv is needed: apt-get install python3 python3-venv, or set PYTHON."

make_user_and_folders
echo "Installing into $program ..."
install_program
write_settings
write_command
if [ -e "$units/$name-web.service" ]; then
    # shellcheck disable=SC2086
    running_systemctl stop $timers $services
fi
as_service "$program/bin/$name" migrate
write_units
if [ -n "$timed" ]; then
    wanted="$name-web.service $timers" unwanted="$name-worker.service"
    apply="systemctl restart $name-web; deploy/install.sh --timers for TIMEZONE and COLLECT_AT"
else
    wanted=$services unwanted=$timers
    apply="systemctl restart $name-web $name-worker"
fi
# shellcheck disable=SC2086
systemctl --quiet disable $unwanted
# shellcheck disable=SC2086
systemctl --quiet enable $wanted
if [ -n "$start" ]; then
    # shellcheck disable=SC2086
    running_systemctl start $wanted
fi
cat <<EOF
Installed: $wanted
  settings   $settings/.env (then: $apply)
  data       $data
  commands   $command, as root: $name doctor
  what they say, with the link for the first administrator: journalctl -u $name-web
EOF
