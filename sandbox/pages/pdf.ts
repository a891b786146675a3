/** PDF's text is Latin-1 with three characters escaped. */
function pdfText(line: string): string {
  const latin = line.replaceAll("×", "x").replace(/[^\x20-\x7e]/g, "?");
  return `(${latin.replace(/[\\()]/g, "\\$&")})`;
}

/** A one-page PDF of lines of text. ISO 32000-1, as little of it as readers accept. */
export function textPdf(lines: string[]): string {
  const content = [
    "BT",
    "/F1 12 Tf",
    "72 770 Td",
    "18 TL",
    ...lines.map((line) => `${pdfText(line)} Tj T*`),
    "ET",
  ].join("\n");
  const objects = [
    "<< /Type /Catalog /Pages 2 0 R >>",
    "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
    `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
  ];
  let file = "%PDF-1.4\n";
  const offsets = objects.map((object, index) => {
    const offset = file.length;
    file += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  const table = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`).join("");
  const count = objects.length + 1;
  return `${file}xref\n0 ${count}\n0000000000 65535 f \n${table}trailer\n<< /Size ${count} /Root 1 0 R >>\nstartxref\n${file.length}\n%%EOF\n`;
}
