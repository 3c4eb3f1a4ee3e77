"use strict";
(() => {
  const slides = [...document.querySelectorAll(".slide")];
  const stage = document.querySelector(".stage");
  const notes = document.querySelector(".notes");
  const black = document.querySelector(".black");
  let at = 0;

  // What is higher or wider than its place becomes smaller, until all of it is seen.
  const shrink = (place, text) => {
    text.style.fontSize = "";
    let size = parseFloat(getComputedStyle(text).fontSize);
    while (size > 6 && (place.scrollHeight > place.clientHeight || place.scrollWidth > place.clientWidth)) {
      size -= 0.5;
      text.style.fontSize = `${size}px`;
    }
  };
  const fit = (slide) => {
    shrink(slide.querySelector(".body"), slide.querySelector(".fit"));
    const title = slide.querySelector("h1, h2");
    shrink(title, title);
  };

  const resize = () => {
    const scale = Math.min(innerWidth / 1280, innerHeight / 720);
    stage.style.transform = `scale(${scale}) translate(-50%, -50%)`;
  };

  const show = (number) => {
    slides[at].classList.remove("on");
    at = Math.max(0, Math.min(slides.length - 1, number));
    slides[at].classList.add("on");
    // Replaced, so that the browser's way back leads to where one came from.
    history.replaceState(null, "", `#/${at + 1}`);
  };

  const byAddress = () => {
    let name = location.hash.slice(1);
    try {
      name = decodeURIComponent(name);
    } catch {
      // An address that somebody typed: the name stays as it is.
    }
    const number = /^\/(\d+)$/.exec(name);
    if (number) return show(Number(number[1]) - 1);
    const target = name && document.getElementById(name);
    return show(target ? slides.indexOf(target.closest(".slide")) : 0);
  };

  const KEYS = {
    ArrowRight: () => show(at + 1), ArrowDown: () => show(at + 1), PageDown: () => show(at + 1),
    ArrowLeft: () => show(at - 1), ArrowUp: () => show(at - 1), PageUp: () => show(at - 1),
    Backspace: () => show(at - 1), Enter: () => show(at + 1),
    Home: () => show(0), End: () => show(slides.length - 1),
    n: () => { notes.hidden = !notes.hidden; },
    b: () => { black.hidden = !black.hidden; }, ".": () => { black.hidden = !black.hidden; },
    f: () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else document.documentElement.requestFullscreen().catch(() => {});
    },
  };

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    // A link or a button that was reached by Tab does what it is for.
    const onControl = event.target.closest?.("a, button, summary");
    if (onControl && (event.key === "Enter" || event.key === " ")) return;
    const wanted = event.key === " " ? () => show(at + (event.shiftKey ? -1 : 1)) : KEYS[event.key];
    if (!wanted) return;
    event.preventDefault();
    wanted();
  });
  addEventListener("hashchange", byAddress);
  addEventListener("resize", resize);
  document.addEventListener("toggle", (event) => {
    const slide = event.target.closest?.(".slide");
    if (slide) fit(slide);
  }, true);
  for (const button of document.querySelectorAll("[data-go]")) {
    button.addEventListener("click", () => {
      show(at + Number(button.dataset.go));
      button.blur();
    });
  }

  document.documentElement.classList.add("js");
  slides.forEach(fit);
  resize();
  byAddress();
})();
