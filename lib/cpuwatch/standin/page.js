"use strict";
// Everything that comes from a message is set as text, never as HTML.

const channel = new URLSearchParams(location.search).get("channel") || "cpu-alerts";
const list = document.getElementById("messages");
const connection = document.getElementById("connection");

document.getElementById("channel").textContent = "#" + channel;
document.title = "#" + channel + " (stand-in for Slack)";

// In a notebook's frame: the way to have it beside the notebook.
const tab = document.getElementById("tab");
tab.href = location.href;
tab.hidden = window.top === window;

function plain(text) {
  // Slack's three escapes; & last, so that "&amp;lt;" stays what was meant.
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

function time(ts) {
  return new Date(Number(ts) * 1000).toISOString().slice(11, 19) + " UTC";
}

function show(message) {
  if (message.channel !== channel) return;
  const atEnd = window.innerHeight + window.scrollY >= document.body.scrollHeight - 80;
  let item = document.getElementById(message.ts);
  if (!item) {
    item = document.createElement("li");
    item.id = message.ts;
    item.append(document.createElement("p"), document.createElement("p"));
    item.lastChild.className = "when";
    list.append(item);
  }
  item.className = message.state === "open" || message.state === "closed" ? message.state : "";
  item.firstChild.textContent = plain(message.text);
  const edited = message.edited ? ", edited " + time(message.edited) : "";
  item.lastChild.textContent = "cpuwatch, " + time(message.ts) + edited;
  document.getElementById("empty").hidden = true;
  if (atEnd) window.scrollTo(0, document.body.scrollHeight);
}

function showAll(messages) {
  const there = new Set(messages.map((message) => message.ts));
  for (const item of [...list.children]) if (!there.has(item.id)) item.remove();
  messages.forEach(show);
  document.getElementById("empty").hidden = messages.some((message) => message.channel === channel);
}

function connect() {
  const events = new EventSource("events?channel=" + encodeURIComponent(channel));
  events.addEventListener("open", () => {
    connection.textContent = "live";
    connection.className = "";
  });
  events.addEventListener("all", (event) => showAll(JSON.parse(event.data)));
  events.addEventListener("message", (event) => show(JSON.parse(event.data)));
  events.addEventListener("error", () => {
    connection.textContent = "connection lost, trying again …";
    connection.className = "lost";
    // The browser tries again by itself, unless it was refused for good.
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, 1000);
  });
}

connect();
