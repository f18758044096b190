"use strict";
(function () {
	const byId = (id) => document.getElementById(id);
	const lines = byId("record").textContent.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
	const head = lines.shift();
	const EVERY = 200;              // steps between two saved screens
	const IDLE_MS = 1000;           // what is left of a pause when pauses are skipped
	const attributes = [[1, "bold"], [2, "faint"], [4, "italic"], [8, "underline"], [64, "hidden"], [128, "strike"]];
	const named = ["#000000", "#c01c28", "#2e8b57", "#a2734c", "#3465c4", "#a347ba", "#2aa1b3", "#c0bfbc",
		"#5e5c64", "#f66151", "#33d17a", "#e9ad0c", "#5f9bea", "#c061cb", "#33c7de", "#ffffff"];
	const duration = lines.length > 0 ? lines[lines.length - 1][0] : 0;
	const saved = [];
	let at = 0, now = 0, playing = false, last = 0, rows = [], columns = head.columns, cursor = [0, 0, 0], note = "", typed = "";
	let painted = [], paintedCursor = -1;

	function hex(n) { return "#" + n.toString(16).padStart(6, "0"); }
	function colour(c) {
		const kind = c >>> 24, v = c & 0xffffff;
		if (kind === 2) return hex(v);
		if (v < 16) return named[v];
		if (v >= 232) return hex((8 + (v - 232) * 10) * 0x010101);
		const level = (n) => n === 0 ? 0 : 55 + n * 40;
		const n = v - 16;
		return hex(level(Math.floor(n / 36)) * 65536 + level(Math.floor(n / 6) % 6) * 256 + level(n % 6));
	}
	function piece(run, isCursor) {
		const [text, width, fg, bg, bits] = run;
		const span = document.createElement("span");
		let front = fg === 0 ? "" : colour(fg), back = bg === 0 ? "" : colour(bg);
		span.textContent = text;
		span.style.width = width + "ch";
		if (bits & 32) [front, back] = [back || "var(--screen)", front || "var(--text)"];
		if (front !== "") span.style.color = front;
		if (back !== "") span.style.backgroundColor = back;
		for (const [bit, name] of attributes) if (bits & bit) span.classList.add(name);
		if (isCursor) span.classList.add("cursor");
		return span;
	}
	// The row's runs, with the one under the cursor cut out of plain text.
	function paintRow(y, x) {
		const row = byId("screen").children[y];
		let column = 0;
		row.textContent = "";
		for (const run of rows[y] || []) {
			const [text, width, ...style] = run;
			const inside = x >= column && x < column + width;
			if (inside && text.length === width && width > 1) {
				const cut = x - column;
				if (cut > 0) row.append(piece([text.slice(0, cut), cut, ...style], false));
				row.append(piece([text[cut], 1, ...style], true));
				if (cut + 1 < width) row.append(piece([text.slice(cut + 1), width - cut - 1, ...style], false));
			} else {
				row.append(piece(run, inside));
			}
			column += width;
		}
		if (x >= column) {
			if (x > column) row.append(piece([" ", x - column, 0, 0, 0], false));
			row.append(piece([" ", 1, 0, 0, 0], true));
		}
	}
	function paint() {
		const screen = byId("screen");
		while (screen.children.length > rows.length) screen.lastChild.remove();
		while (screen.children.length < rows.length) screen.append(document.createElement("div"));
		for (let y = 0; y < rows.length; y++) {
			const x = cursor[2] && cursor[1] === y ? cursor[0] : -1;
			if (painted[y] !== rows[y] || x >= 0 || paintedCursor === y) paintRow(y, x);
		}
		painted = rows.slice();
		paintedCursor = cursor[2] ? cursor[1] : -1;
		byId("note").textContent = note;
		byId("typed").textContent = typed;
		byId("seek").value = now;
		byId("seek").setAttribute("aria-valuetext", clock(now));
		byId("clock").textContent = clock(now) + " / " + clock(duration) + "  " +
			new Date(head.start + now).toISOString().slice(0, 19).replace("T", " ") + " UTC";
	}
	function clock(ms) {
		const s = Math.floor(ms / 1000), two = (n) => String(n).padStart(2, "0");
		return Math.floor(s / 3600) + ":" + two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
	}
	function apply(line) {
		const [, kind, value] = line;
		if (kind === "size") {
			columns = value[0];
			rows = new Array(value[1]).fill(null);
		} else if (kind === "rows") {
			for (const [y, runs] of value) rows[y] = runs;
		} else if (kind === "cursor") {
			cursor = value;
		} else if (kind === "mark") {
			note = value;
		} else if (kind === "typed") {
			typed = (typed + value).slice(-200);
		}
	}
	function forward(time) {
		while (at < lines.length && lines[at][0] <= time) {
			if (at % EVERY === 0 && saved[at / EVERY] === undefined)
				saved[at / EVERY] = { rows: rows.slice(), cursor, note, typed };
			apply(lines[at++]);
		}
		now = Math.min(time, duration);
	}
	function seek(time) {
		time = Math.max(0, Math.min(time, duration));
		let low = 0, high = lines.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (lines[middle][0] <= time) low = middle + 1; else high = middle;
		}
		let n = Math.min(Math.floor(low / EVERY), saved.length - 1);
		while (n >= 0 && saved[n] === undefined) n--;
		if (n >= 0 && (low < at || n * EVERY > at)) {
			at = n * EVERY;
			({ cursor, note, typed } = saved[n]);
			rows = saved[n].rows.slice();
		}
		forward(time);
		paint();
	}
	function play(on) {
		playing = on;
		byId("play").textContent = on ? "Pause" : "Play";
		if (!on) return;
		if (now >= duration) seek(0);
		last = performance.now();
		requestAnimationFrame(tick);
	}
	function tick(time) {
		if (!playing) return;
		let to = now + Math.max(0, time - last) * Number(byId("speed").value);
		last = time;
		if (byId("idle").checked && at < lines.length && lines[at][0] - now > IDLE_MS)
			to = Math.max(to, lines[at][0] - IDLE_MS);
		forward(to);
		paint();
		if (now >= duration) play(false); else requestAnimationFrame(tick);
	}
	function speed(step) {
		const select = byId("speed");
		select.selectedIndex = Math.max(0, Math.min(select.options.length - 1, select.selectedIndex + step));
	}
	function mark(step) {
		const times = lines.filter((line) => line[1] === "mark").map((line) => line[0]);
		const to = step > 0 ? times.find((t) => t > now) : times.reverse().find((t) => t < now);
		if (to !== undefined) seek(to);
	}
	function theme() {
		const root = document.documentElement;
		const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
		root.dataset.theme = dark ? "light" : "dark";
	}
	const keys = {
		" ": () => play(!playing), "ArrowLeft": () => seek(now - 5000), "ArrowRight": () => seek(now + 5000),
		"Home": () => seek(0), "End": () => seek(duration), "+": () => speed(1), "-": () => speed(-1),
		"[": () => mark(-1), "]": () => mark(1), "t": theme,
		"i": () => { byId("idle").checked = !byId("idle").checked; },
	};
	document.addEventListener("keydown", (event) => {
		const on = event.target, own = on instanceof HTMLButtonElement || on instanceof HTMLSelectElement || on instanceof HTMLInputElement;
		if (event.ctrlKey || event.altKey || event.metaKey || !Object.hasOwn(keys, event.key)) return;
		if (own && (event.key === " " || event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End")) return;
		event.preventDefault();
		keys[event.key]();
	});
	byId("play").addEventListener("click", () => play(!playing));
	byId("theme").addEventListener("click", theme);
	byId("seek").max = duration;
	byId("seek").addEventListener("input", (event) => seek(Number(event.target.value)));
	byId("title").textContent = document.title = head.title;
	for (const line of lines.filter((l) => l[1] === "mark")) {
		const item = document.createElement("li"), button = document.createElement("button");
		button.textContent = clock(line[0]) + "  " + line[2];
		button.addEventListener("click", () => seek(line[0]));
		item.append(button);
		byId("marks").append(item);
	}
	byId("none").hidden = byId("marks").children.length > 0;
	seek(0);
})();
