# Sourced inside the lab: start and stop server, agent and sshd.
wait_for_path() { # path seconds
	local left=$(($2 * 20))
	until [ -e "$1" ]; do
		left=$((left - 1))
		[ $left -gt 0 ] || { echo "no $1 after $2 s" >&2; return 1; }
		sleep 0.05
	done
}

daemons_start() {
	setsid itm-server > "$LAB/server.log" 2>&1 < /dev/null &
	server_pid=$!
	setsid itm-agentd > "$LAB/agentd.log" 2>&1 < /dev/null &
	agentd_pid=$!
	wait_for_path /run/itm/shell.sock 10 || { cat "$LAB"/*.log >&2; return 1; }
}

server_stop() {
	[ -n "$server_pid" ] || return 0
	kill -TERM $server_pid
	wait $server_pid || true
	server_pid=''
}

daemons_stop() {
	kill -TERM $agentd_pid
	wait $agentd_pid || true
	server_stop
}
