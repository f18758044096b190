// page_run.js PAGE: runs an exported page's script on a document that has only
// what it may use, and prints the screens it shows as JSON.
"use strict";
const page = require("fs").readFileSync(process.argv[2], "utf8");
const vm = require("vm");

class Element {
	constructor(name) {
		this.name = name; this.children = []; this.own = ""; this.attributes = {}; this.handlers = {};
		this.style = {}; this.dataset = {}; this.hidden = false; this.checked = false; this.value = "1"; this.options = [];
		this.classList = { add() {} };
	}
	get textContent() { return this.own + this.children.map((c) => c.textContent).join(""); }
	set textContent(text) { this.own = String(text); this.children = []; }
	get lastChild() { return this.children[this.children.length - 1]; }
	append(...children) { for (const child of children) { child.parent = this; this.children.push(child); } }
	remove() { this.parent.children.splice(this.parent.children.indexOf(this), 1); }
	setAttribute(name, value) { this.attributes[name] = value; }
	addEventListener(name, handler) { this.handlers[name] = handler; }
}
const elements = {}, document = {
	handlers: {}, documentElement: new Element("html"),
	getElementById(id) { return elements[id]; },
	createElement(name) {
		if (!["span", "div", "li", "button"].includes(name)) throw new Error("makes " + name);
		return new Element(name);
	},
	addEventListener(name, handler) { this.handlers[name] = handler; },
};
for (const [, id] of page.matchAll(/ id="([a-z]+)"/g)) elements[id] = new Element(id);
elements.record.textContent = /id="record">\n([^<]*)<\/script>/.exec(page)[1];
let frame = null;
// Screens are saved often, so that seeking back uses them.
const script = /<script>([^]*)<\/script>/.exec(page)[1], often = script.replace("EVERY = 200;", "EVERY = 4;");
if (often === script) throw new Error("cannot save screens often");
vm.runInNewContext(often, {
	document, performance: { now: () => 0 }, requestAnimationFrame(f) { frame = f; },
	HTMLButtonElement: class {}, HTMLSelectElement: class {}, HTMLInputElement: class {}, matchMedia: () => ({ matches: false }),
});
const screen = () => elements.screen.children.map((row) => row.textContent);
const press = (key) => document.handlers.keydown({ key, target: null, preventDefault() {} });
const seek = (ms) => elements.seek.handlers.input({ target: { value: ms } });
press(" ");
for (let ms = 16; frame !== null && ms < 10000; ms += 16) { const f = frame; frame = null; f(ms); }
const end = screen();
seek(160);
const middle = screen();
seek(250);
seek(160);
const near = screen();
press("Home");
seek(700);
press("End");
seek(160);
console.log(JSON.stringify({ end, middle, again: screen(), near, marks: elements.marks.children.length }));
