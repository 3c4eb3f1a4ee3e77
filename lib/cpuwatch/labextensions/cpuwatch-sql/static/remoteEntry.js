"use strict";
// An extension of JupyterLab without a build: it colours SQL inside the strings of Python.
// JupyterLab asks a container for its module, and gives it what it shares itself.

(() => {
  const KEYWORDS = new Set(
    ("ALL AND ARRAY AS ASC BEGIN BETWEEN BY CASE CAST CREATE CROSS CUMULATE DEFINE DESC DESCRIPTOR " +
      "DISTINCT ELSE END ENFORCED EXECUTE EXISTS FOR FROM GROUP HAVING HOP IF IN INNER INSERT INTERVAL " +
      "INTO IS JOIN KEY LEFT LIKE LIMIT MATCH_RECOGNIZE MEASURES NOT NULL OF ON OR ORDER OVER PARTITION " +
      "PATTERN PRIMARY SELECT SESSION SET STATEMENT SYSTEM_TIME TABLE TEMPORARY THEN TUMBLE UNION UNNEST " +
      "UPDATE VALUES VIEW WATERMARK WHEN WHERE WINDOW WITH SECOND MINUTE HOUR DAY " +
      "BIGINT BOOLEAN DOUBLE INT STRING TIMESTAMP TIMESTAMP_LTZ").split(" ")
  );
  // A string of Python, in three quotes or in one; and what makes it SQL.
  const STRING = /("""|''')([\s\S]*?)\1|"((?:[^"\\\n]|\\.)*)"/g;
  const IS_SQL = /^\s*(?:--[^\n]*\n\s*)*(CREATE|EXECUTE|INSERT|SELECT|UPDATE|WITH)\s/;
  const PIECE = /--[^\n]*|'(?:[^']|'')*'|`[^`]*`|\$\{\w+\}|\b\d+(?:\.\d+)?\b|\b\w+\b/g;

  function kindOf(piece) {
    if (piece.startsWith("--")) return "comment";
    if (piece.startsWith("'")) return "string";
    if (piece.startsWith("$")) return "place";
    if (/^\d/.test(piece)) return "number";
    return KEYWORDS.has(piece.toUpperCase()) ? "keyword" : null;
  }

  // Every piece of SQL in a text: from, to, kind; in order.
  function pieces(text) {
    const found = [];
    for (const string of text.matchAll(STRING)) {
      const sql = string[2] ?? string[3];
      if (!IS_SQL.test(sql)) continue;
      const start = string.index + (string[1] ?? '"').length;
      let end = 0;
      for (const piece of sql.matchAll(PIECE)) {
        if (piece.index > end) found.push([start + end, start + piece.index, "plain"]);
        end = piece.index + piece[0].length;
        found.push([start + piece.index, start + end, kindOf(piece[0]) ?? "plain"]);
      }
      if (end < sql.length) found.push([start + end, start + sql.length, "plain"]);
    }
    return found;
  }

  function plugin(codemirror, state, view) {
    const { Decoration, EditorView, ViewPlugin } = view;
    const colour = (name) => ({ color: `var(--jp-mirror-editor-${name}-color)` });
    const theme = EditorView.baseTheme({
      ".cpuwatch-sql-plain": { color: "var(--jp-content-font-color1)" },
      ".cpuwatch-sql-keyword": { ...colour("keyword"), fontWeight: "bold" },
      ".cpuwatch-sql-string": colour("string"),
      ".cpuwatch-sql-comment": { ...colour("comment"), fontStyle: "italic" },
      ".cpuwatch-sql-number": colour("number"),
      ".cpuwatch-sql-place": colour("meta"),
    });
    const marks = (editor) =>
      Decoration.set(
        pieces(editor.state.doc.toString()).map(([from, to, kind]) =>
          Decoration.mark({ class: `cpuwatch-sql-${kind}` }).range(from, to)
        )
      );
    const coloured = ViewPlugin.fromClass(
      class {
        constructor(editor) {
          this.decorations = marks(editor);
        }
        update(change) {
          if (change.docChanged) this.decorations = marks(change.view);
        }
      },
      { decorations: (one) => one.decorations }
    );
    // Last, so that these colours lie inside those of Python's own string.
    const extension = [state.Prec.lowest(coloured), theme];
    return {
      id: "cpuwatch-sql:plugin",
      description: "Colours SQL inside the strings of Python.",
      autoStart: true,
      requires: [codemirror.IEditorExtensionRegistry],
      activate: (_, registry) => {
        registry.addExtension({
          name: "cpuwatch-sql",
          factory: () => codemirror.EditorExtensionRegistry.createImmutableExtension(extension),
        });
      },
    };
  }

  let shared;

  async function module(name) {
    const [one] = Object.values(shared[name]);
    return (await one.get())();
  }

  (window._JUPYTERLAB ??= {})["cpuwatch-sql"] = {
    init: (scope) => {
      shared = scope;
    },
    get: async () => {
      const names = ["@jupyterlab/codemirror", "@codemirror/state", "@codemirror/view"];
      const found = plugin(...(await Promise.all(names.map(module))));
      return () => ({ __esModule: true, default: found });
    },
  };
})();
