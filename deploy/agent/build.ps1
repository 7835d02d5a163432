# Builds dist\inventory-agent.exe on Windows 10 or later, with nothing but the agent's own dependencies in a
# folder of its own. deploy\agent\inventory-agent.iss makes the installer of it.
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
Set-Location (Join-Path $PSScriptRoot '..\..')
python -m venv build\agent-venv
build\agent-venv\Scripts\python -m pip install --quiet -c constraints.txt psutil requests pywin32 pyinstaller
build\agent-venv\Scripts\pyinstaller --noconfirm --log-level WARN --distpath dist --workpath build\agent deploy\agent\inventory-agent.spec
dist\inventory-agent.exe --version
