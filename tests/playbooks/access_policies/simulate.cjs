// Evaluates IAM requests: a JSON list of simulations on standard input, a list of answers on standard output.
const { runSimulation } = require('@cloud-copilot/iam-simulate')

async function main() {
  const simulations = JSON.parse(require('fs').readFileSync(0, 'utf8'))
  const answers = []
  for (const simulation of simulations) {
    const answer = await runSimulation(simulation, {})
    answers.push(
      answer.resultType === 'error'
        ? { error: answer.errors }
        : { result: answer.overallResult, ignored: answer.result?.ignoredContextKeys ?? [] }
    )
  }
  process.stdout.write(JSON.stringify(answers))
}

main()
